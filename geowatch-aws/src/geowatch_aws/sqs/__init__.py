"""The backend ``sqs``: queues of Amazon SQS, standard and FIFO."""
