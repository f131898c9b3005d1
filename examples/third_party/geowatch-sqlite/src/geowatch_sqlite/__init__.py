"""A durable queue and document store in a SQLite file, as a backend of GeoWatch."""
