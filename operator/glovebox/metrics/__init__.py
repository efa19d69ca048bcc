"""What Prometheus sees. Reads what the engine and the caches know, decides nothing."""
