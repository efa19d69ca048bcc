"""A model as a key of what is remembered of it: the very object, and not one that is like it.

Models are frozen, and one that was parsed is shared by a thousand Experiments. By its content it
would have to be hashed each time, which costs as much as what is remembered.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from glovebox.api.base import Model, TolerantModel

M = TypeVar("M", bound=Model | TolerantModel)


class ById(Generic[M]):
    """One model; equal to another one of the very same model alone.

    It holds the model, so nothing else can have its identity for as long as the key is known.

    Args:
        model: The model.
    """

    __slots__ = ("model",)

    def __init__(self, model: M) -> None:
        self.model = model

    def __hash__(self) -> int:
        """Return a number of the object."""
        return id(self.model)

    def __eq__(self, other: object) -> bool:
        """Whether the other one holds the same object."""
        return isinstance(other, ById) and self.model is other.model
