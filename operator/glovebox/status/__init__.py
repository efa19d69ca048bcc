"""PURE: what was found becomes conditions and one summary."""
