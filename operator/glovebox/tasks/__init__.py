"""Long work on data, a module each: streaming, bounded in memory, check-pointed, cancellable."""
