"""What the API server answers 422 to a write of ours is a refusal that is tried again.

So a policy of the cluster answers, also to a deletion. As "this object is invalid" it would be
taken for a mistake in what a user declared, which nothing but an edit of theirs cures.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from glovebox.api import reasons
from glovebox.errors import InvalidInput, Rejected
from glovebox.kube.kinds import Kind


@contextmanager
def rejecting(kind: Kind, name: str) -> Iterator[None]:
    """Turn what is said of an object that we write into a refusal.

    Raises:
        Rejected: In the place of InvalidInput.
    """
    try:
        yield
    except InvalidInput as error:
        raise Rejected(
            reasons.REJECTED,
            f"the API server does not take {kind.kind} `{name}` as the operator writes it:"
            f" {error.message}",
        ) from None


@contextmanager
def rejecting_deletion(kind: Kind, name: str) -> Iterator[None]:
    """Turn what is said to a deletion of ours into a refusal.

    Raises:
        Rejected: In the place of InvalidInput.
    """
    try:
        yield
    except InvalidInput as error:
        raise Rejected(
            reasons.REJECTED,
            f"the API server does not let the operator delete {kind.kind} `{name}`:"
            f" {error.message}; look for a policy of the cluster that refuses it",
        ) from None
