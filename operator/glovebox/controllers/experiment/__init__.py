"""The Experiment: its ordered list of phases, and one module for each phase."""
