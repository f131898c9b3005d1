"""The backend ``s3``: objects of Amazon S3."""
