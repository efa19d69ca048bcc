"""Lineage: events of runs in OpenLineage's form, what waits to be delivered, and the graph."""
