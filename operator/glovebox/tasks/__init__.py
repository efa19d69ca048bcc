"""Long work on data, one module each: streaming, bounded in memory, check-pointed, cancellable, with progress."""
