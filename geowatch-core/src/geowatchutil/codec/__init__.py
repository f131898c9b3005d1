"""Codecs, as they were called in 2015."""
