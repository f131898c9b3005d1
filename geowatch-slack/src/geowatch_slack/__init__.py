"""Slack for GeoWatch, on slack-sdk."""
