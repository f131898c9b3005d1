"""The backend ``memory``: topics and documents that live in this process."""
