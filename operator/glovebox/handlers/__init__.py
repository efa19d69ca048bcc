"""The only room that imports kopf: three-line functions that turn events into keys."""
