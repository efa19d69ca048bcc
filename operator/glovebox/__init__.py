"""Glovebox: a Kubernetes operator that gives every experiment its own sealed namespace."""

__version__ = "0.1.0"
