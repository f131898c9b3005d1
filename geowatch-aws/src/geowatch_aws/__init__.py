"""Kinesis, SQS, SNS and S3 for GeoWatch, on boto3."""
