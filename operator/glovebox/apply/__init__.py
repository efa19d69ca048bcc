"""The only package that changes the cluster."""
