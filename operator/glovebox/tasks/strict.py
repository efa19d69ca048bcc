"""What the documents of tasks are made of."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """Refuses unknown fields and foreign types; values never change."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def store_name(place: int) -> str:
    """Return what the store at a place among those of a request is called."""
    return f"store-{place}"
