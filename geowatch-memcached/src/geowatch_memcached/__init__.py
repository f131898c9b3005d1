"""memcached for GeoWatch, on pymemcache."""
