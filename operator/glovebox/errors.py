"""The error tree. Each class says how the reconciler treats it.

    GloveboxError
    |-- InvalidInput      what is declared cannot work: Stalled, not retried until it changes
    |   |-- Refused       a rule of the platform forbids it (range, unpinned image, taken name)
    |   `-- UnfitData     the pinned bytes cannot be used so, and will say the same for ever
    |-- NotReady          a dependency is missing or not ready: waits, and is woken by it
    |-- Conflict          somebody else wrote first: read again at once
    |   |-- NotFound      the object is not there (any more)
    |   |-- AlreadyExists an object of that name is there already
    |   `-- Expired       the version that was asked for is too old: list again
    `-- Unavailable       the API server or the store did not answer properly: retried with backoff
        |-- Forbidden     the operator lacks a permission: reported as well
        |-- Fenced        another replica may be the leader by now: nothing was sent
        `-- Rejected      the API server does not take an object of ours: a policy refuses it

NotFound, AlreadyExists and Expired are answers that callers expect and catch. One that nobody
caught means that what was read is not what is there any more, so it is treated as the conflict that
it is.

Messages are read by users through conditions: they say what was attempted, on what, and the cure.
No message ever holds a secret, a credential, or whether something exists in a namespace that did
not consent.
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


class UnfitData(InvalidInput):
    """The pinned bytes cannot be used as declared: reading the same versions again says the same.

    What a store holds by now, or how its buckets are set up, is never a reason for it: that may
    change, and nobody tells the operator. See `TaskRunner`.
    """


class NotReady(GloveboxError):  # noqa: N818 - as InvalidInput
    """Something this object depends on is missing or not ready; its change wakes this object.

    Args:
        reason: As in GloveboxError.
        message: As in GloveboxError.
        retry_seconds: When it is ready by itself, in seconds; None where only a change can help.
    """

    def __init__(self, reason: str, message: str, *, retry_seconds: float | None = None) -> None:
        super().__init__(reason, message)
        self.retry_seconds = retry_seconds


class Conflict(GloveboxError):  # noqa: N818 - as InvalidInput
    """Somebody else wrote first; read again and decide again."""


class NotFound(Conflict):
    """The object is not there."""


class NamespaceGone(NotFound):
    """Nothing can be created in a namespace that is not there.

    Args:
        reason: As in GloveboxError.
        message: As in GloveboxError.
        namespace: Which one.
    """

    def __init__(self, reason: str, message: str, *, namespace: str) -> None:
        super().__init__(reason, message)
        self.namespace = namespace


class AlreadyExists(Conflict):
    """An object of that name is there already."""


class Expired(Conflict):
    """The resource version asked for is too old: list again."""


class Unavailable(GloveboxError):  # noqa: N818 - as InvalidInput
    """The API server or the store did not answer properly; retried with backoff.

    Args:
        reason: As in GloveboxError.
        message: As in GloveboxError.
        effect_unknown: Whether the request may have taken effect although no answer says so: read
            the object live before deciding anything about it.
    """

    def __init__(self, reason: str, message: str, *, effect_unknown: bool = False) -> None:
        super().__init__(reason, message)
        self.effect_unknown = effect_unknown


class Forbidden(Unavailable):
    """The operator lacks a permission; retried with backoff, reported with the missing right."""


class Fenced(Unavailable):
    """This replica's lease is stale, so another may lead by now: the request was not sent."""


class Rejected(Unavailable):
    """The API server does not take an object as we write it, by a policy; treated as Forbidden."""
