"""Every class of faults that a seed may draw, by name, with what it means.

What is injected is counted under these names, so that a class that never fires is seen: in the
report of `make simulate`, in docs/reference/simulation.md, and by `test_classes.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from simulation.people import DEEDS

REQUESTS: Final[Mapping[str, str]] = {
    "refused 403": "a right is missing, or a policy denies, at random",
    "refused 409": "a conflict that is none",
    "refused 422": "a policy that answers 422, at random",
    "refused 429": "the server sheds load",
    "refused 500": "an error on the server, or of a webhook",
    "refused 503": "the server is shutting down",
    "lost": "never arrives; the connection is reset",
    "unanswered": "takes effect; the answer is lost",
    "late": "takes effect after the client gave up",
    "slow": "arrives up to 20 seconds late",
    "stale": "is answered up to 20 seconds after it took effect: a list, a read from the past",
    "repeated": "arrives twice, as through a proxy; the second answer is the one that is heard",
    "overtaken": "comes just after somebody else changed the object",
    "login expired": "401 to everything until the process logs in again",
    "server away": "no connection for up to 40 seconds; all watches break",
}
POLICIES: Final = (
    "networkpolicies",
    "resourcequotas",
    "limitranges",
    "configmaps",
    "serviceaccounts",
    "rolebindings",
    "secrets",
    "namespaces",
    "jobs",
)
REFUSED_DELETIONS: Final = ("rolebindings", "secrets", "jobs", "namespaces")
RULES: Final[Mapping[str, str]] = {
    **{
        f"policy on {plural}": "403, 422 or 500 to creation, change or both; a while or for ever"
        for plural in POLICIES
    },
    **{f"policy on deletion of {plural}": "the same to deletion" for plural in REFUSED_DELETIONS},
}
WATCHES: Final[Mapping[str, str]] = {
    "watch gap": "what happens in 8 seconds is never delivered, and nothing says so",
    "watch expired": "410 in the stream; the version stays too old",
    "watch refused": "410 as status; the version stays too old",
    "watch breaks": "it breaks off",
    "watch ends": "it ends at once",
    "watch silent": "it shows nothing until its timeout",
    "watch lags": "events are up to 3 seconds late",
    "watch twice": "an event comes twice",
    "feed lags": "kopf delivers our own kinds up to 3 seconds late",
    "feed breaks": "kopf's watch breaks for up to 8 seconds; deletions meanwhile are not delivered",
}
PROCESSES: Final[Mapping[str, str]] = {
    "killed": "at any request",
    "killed at a named request": "before or after it arrived",
    "killed at a store request": "before or after it arrived",
    "leader stopped": "as by SIGSTOP, for up to 40 seconds, while another replica waits",
    "lease lost": "a replica ends because it could not renew its lease, and starts again",
}
STORE: Final[Mapping[str, str]] = {
    "store refused 500": "an error in the store",
    "store refused 503": "the store asks to slow down",
    "store lost": "never arrives",
    "store unanswered": "takes effect; the answer is lost",
    "store away": "nothing arrives for up to 90 seconds",
    "store forbids": "403 to everything for up to 60 seconds, as with revoked keys",
}
CLOCKS: Final[Mapping[str, str]] = {
    "clock ahead": "jumps by up to 20 minutes",
    "clock back": "jumps by up to an hour",
    "clocks differ": "two replicas are up to 4 minutes apart",
}
CLUSTER: Final[Mapping[str, str]] = {
    "squatted": "a namespace of that name is there already",
    "policy engine": "puts a policy of its own under one of our names into each new namespace",
}
LINEAGE: Final[Mapping[str, str]] = {
    "lineage away": "the consumer of lineage stalls, or answers 401 or 503, for up to 200 seconds",
}
GROUPS: Final[Mapping[str, Mapping[str, str]]] = {
    "a request": REQUESTS,
    "a policy of the platform": RULES,
    "a watch": WATCHES,
    "a process": PROCESSES,
    "the store": STORE,
    "the clock": CLOCKS,
    "the cluster": CLUSTER,
    "lineage": LINEAGE,
}


def by_people(deed: str) -> str:
    """Return the name under which a deed is counted."""
    return f"somebody {deed}"


def count_classes(counted: Counter[str]) -> list[tuple[str, int]]:
    """Return each class with how often it was injected, those that never were included.

    Raises:
        LookupError: Something was counted under a name that no class has.
    """
    names = [*(name for group in GROUPS.values() for name in group), *map(by_people, DEEDS)]
    unknown = sorted(set(counted) - set(names))
    if unknown:
        raise LookupError(f"counted, and not in simulation/classes.py: {', '.join(unknown)}")
    return [(name, counted[name]) for name in names]
