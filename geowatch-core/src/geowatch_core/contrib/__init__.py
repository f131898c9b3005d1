"""GeoWatch inside the frameworks of others. Nothing of core imports this."""
