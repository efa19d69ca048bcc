"""Pure domain of data: manifests, roots, comparisons, digests. No client, clock or randomness."""
