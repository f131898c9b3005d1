"""The backend ``sns``: topics of Amazon SNS, standard and FIFO."""
