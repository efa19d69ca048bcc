"""Which tests watch which door, learnt from what the API server answered while they ran."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from support.api import Api, ApiError
from support.cluster import Cluster

if TYPE_CHECKING:
    import pytest

    from mutation.doors import Door

_DENIAL: Final = re.compile(
    r"ValidatingAdmissionPolicy '([\w-]+)' with binding '[\w-]+' denied request: (.*)", re.DOTALL
)
# Of a guard that warns alone: the request is admitted.
_WARNING: Final = re.compile(
    r"^Warning: Validation failed for ValidatingAdmissionPolicy '([\w-]+)' with binding '[\w-]+':"
    r" (.*)$",
    re.MULTILINE,
)
_POLICY: Final = re.compile(r"ValidatingAdmissionPolicy '([\w-]+)' with binding")
_INDEX: Final = re.compile(r"\[\d+\]")


@dataclass(slots=True)
class Watched:
    """What one test saw when nothing was mutated.

    Attributes:
        seconds: How long it took.
        denied: By which policy something was refused, or warned of, and in which words.
        refusals: All refusals, of whomever.
        admitted: How much was admitted.
    """

    seconds: float = 0.0
    denied: set[tuple[str, str]] = field(default_factory=set)
    refusals: set[str] = field(default_factory=set)
    admitted: int = 0

    @classmethod
    def read(cls, entry: dict[str, Any]) -> Watched:
        """Return what was kept as JSON."""
        denied = {(policy, message) for policy, message in entry["denied"]}
        return cls(entry["seconds"], denied, set(entry["refusals"]), entry["admitted"])


class Listener:
    """Hears every answer of kubectl and of the tests' own client.

    And remembers the clusters that were asked.
    """

    def __init__(self) -> None:
        self.now = Watched()
        self.clusters: dict[str, Cluster] = {}
        self.current: Cluster | None = None

    def heard(self, text: str, *, admitted: bool) -> None:
        """Note one answer."""
        self.now.denied |= {(policy, said.strip()) for policy, said in _WARNING.findall(text)}
        if admitted:
            self.now.admitted += 1
            return
        self.now.refusals.add(text)
        if found := _DENIAL.search(text):
            self.now.denied.add((found[1], found[2].strip()))

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Stand in between while the tests run."""
        run, request = Cluster._run, Api.request

        def heard_run(cluster: Cluster, *args: Any, **options: Any) -> Any:
            self.current = cluster
            check = options.pop("check")
            done = run(cluster, *args, check=False, **options)
            self.heard(done.stderr, admitted=done.returncode == 0)
            return run(cluster, *args, check=True, **options) if check and done.returncode else done

        def heard_request(api: Api, *args: Any, **options: Any) -> Any:
            try:
                answer = request(api, *args, **options)
            except ApiError as error:
                self.heard(error.message, admitted=False)
                raise
            self.heard("", admitted=True)
            return answer

        Cluster._run, Api.request = heard_run, heard_request  # type: ignore[method-assign,assignment]
        try:
            yield
        finally:
            Cluster._run, Api.request = run, request  # type: ignore[method-assign]


def candidates(
    door: Door, items: list[pytest.Item], seen: dict[str, Watched], spoken: dict[str, set[str]]
) -> list[pytest.Item]:
    """Return the tests that should notice, the likeliest and fastest first.

    And then their neighbours; and for a condition all where anything was admitted, since without it
    a guard refuses what it has said nothing of in any test.

    Args:
        door: What is taken away.
        items: All tests.
        seen: What each saw, by its id.
        spoken: The fixed messages of each policy: what is denied in other words is denied by a
            validation that makes its message.
    """
    ranked: dict[int, list[pytest.Item]] = defaultdict(list)
    files = {
        item.path
        for item in items
        if any(policy == door.owner for policy, _ in seen[item.nodeid].denied)
    }
    for item in items:
        rank = _rank(door, seen[item.nodeid], spoken)
        if rank is None and item.path in files and seen[item.nodeid].admitted:
            rank = 2
        if rank is None and door.part == "condition" and seen[item.nodeid].admitted:
            rank = 3
        ranked[9 if rank is None else rank].append(item)
    return [
        item
        for rank in (0, 1, 2, 3)
        for item in sorted(ranked[rank], key=lambda item: seen[item.nodeid].seconds)
    ]


def _rank(door: Door, watched: Watched, spoken: dict[str, set[str]]) -> int | None:
    if door.part == "rule":
        return _rank_of_rule(door, watched)
    by_owner = [message for policy, message in watched.denied if policy == door.owner]
    if door.part == "condition":
        return 1 if by_owner and watched.admitted else None
    if door.message in by_owner:
        return 0
    if door.is_spoken and any(message not in spoken[door.owner] for message in by_owner):
        return 1
    return None


def _rank_of_rule(door: Door, watched: Watched) -> int | None:
    # A rule may say that a field below its place is at fault.
    ends = (":", ".") if door.is_spoken else (":",)
    there = [
        text
        for text in watched.refusals
        if any(f"{door.place}{end}" in _INDEX.sub(".items", text) for end in ends)
    ]
    if any(door.message in text for text in there) or (door.is_spoken and there):
        return 0
    return 1 if any(door.message in text for text in watched.refusals) else None


def is_of(door: Door, trouble: str) -> bool:
    """Return whether a test's failure can come from taking the door away.

    Where two guards refuse, either may be the one that is named, and another one after each change:
    a test of such a request fails now and then, whichever door is away.

    Args:
        door: What was taken away.
        trouble: How the test failed.
    """
    refused_by = set(_POLICY.findall(trouble))
    if door.part == "condition":  # without it the guard refuses what it left alone
        return door.owner in refused_by
    return not refused_by - {door.owner}  # without it something is admitted
