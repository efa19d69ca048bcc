"""The evidence of an experiment: the list of its artifacts, the signed statement over it, and the verification of both. Pure."""
