"""Clients, as provisioning returned them in 2015."""
