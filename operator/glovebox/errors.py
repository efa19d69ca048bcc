"""The error tree. Each class says how the reconciler treats it.

    GloveboxError
    |-- InvalidInput      the declared state cannot work as written: Stalled, not retried until it changes
    |   `-- Refused       a rule of the platform forbids it (profile range, unpinned image, squatted name)
    |-- NotReady          something it depends on is missing or not ready: waits, and is woken by that thing
    |-- Conflict          somebody else wrote first: read again at once
    |-- Unavailable       the API server or the store did not answer properly: retried with backoff
    |-- Forbidden         the operator lacks a permission: retried with backoff, and reported
    `-- Rejected          the API server does not take an object of ours: as Forbidden

Messages are read by users through conditions: they say what was attempted, on what, and the cure.
    No message ever
holds a secret, a credential, or whether something exists in a namespace that did not consent.
"""

from __future__ import annotations


class GloveboxError(Exception):
    """Base of all errors that a condition may report.

    Args:
        reason: One CamelCase word, the same in the condition, the Event, the metric and the
            runbook.
        message: What was attempted, on what, and the cure, for a person.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class InvalidInput(GloveboxError):  # noqa: N818 - reads as the condition it becomes
    """The declared state cannot work as written; trying again without a change is pointless."""


class Refused(InvalidInput):
    """A rule of the platform forbids what was declared; nothing was created."""


class NotReady(GloveboxError):  # noqa: N818 - as InvalidInput
    """Something this object depends on is missing or not ready; its change wakes this object."""


class Conflict(GloveboxError):  # noqa: N818 - as InvalidInput
    """Somebody else wrote first; read again and decide anew."""


class Unavailable(GloveboxError):  # noqa: N818 - as InvalidInput
    """The API server or the store did not answer properly; retried with backoff."""


class Forbidden(Unavailable):
    """The operator lacks a permission there; retried with backoff, and reported with the missing right."""


class Rejected(Unavailable):
    """The API server does not take an object as we write it (a platform's policy); as Forbidden."""
