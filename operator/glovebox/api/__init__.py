"""Custom resources as pydantic models: the one source of types, defaults, docs and validation."""
