"""Pure domain of data: manifests, roots, comparisons and digests. No client, no clock, no randomness."""
