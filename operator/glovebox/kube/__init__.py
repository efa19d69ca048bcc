"""The connection to the API server: one bounded pool, plain JSON, errors translated in one table."""
