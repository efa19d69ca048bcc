"""The only room that changes the cluster."""
