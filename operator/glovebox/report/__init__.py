"""Pages about one pin or one Experiment, put so that a person likes to read them."""
