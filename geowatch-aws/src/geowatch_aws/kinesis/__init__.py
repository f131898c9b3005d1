"""Kinesis: every shard of a stream, shared by leases."""
