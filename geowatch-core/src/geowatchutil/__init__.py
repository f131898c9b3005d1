"""geowatchutil."""
