"""Begins a distribution of a new backend: ``geowatch-core new backend NAME``."""
