"""The backend ``file``: lines and documents on disk."""
