"""Consumers and producers, as provisioning returned them in 2015."""
