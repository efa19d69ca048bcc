"""Custom resources as pydantic models: the single source of types, defaults, documentation and validation."""
