"""Machinery of any operator: queues, workers, backoff, liveness, resync. Knows no kind."""
