"""Apache Kafka for GeoWatch, on confluent-kafka."""
