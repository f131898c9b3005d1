"""What a broker is made of: how batches move, wait, fail, are counted and are settled."""
