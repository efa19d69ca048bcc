"""Control flow without kopf: what is done, in which order, how often. Read reconcile.py first."""
