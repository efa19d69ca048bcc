"""What is done for each kind of ours: one module a kind, and a package for the Experiment."""
