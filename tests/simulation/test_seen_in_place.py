"""How isolation is seen before access opens: a watch told of the writes of this look, or a read."""

from __future__ import annotations

import pytest

from glovebox import names
from glovebox.apply.children import Children
from glovebox.controllers.experiment import isolation
from glovebox.controllers.experiment.isolation import ISOLATING
from simulation.api_server import Asked
from simulation.api_transport import NOTHING, Fault, StreamFault
from simulation.faults import SeededFaults
from simulation.schedules import Result, Scenario, run

KINDS = [kind.plural for kind in ISOLATING]


def lists_before_access(result: Result) -> list[str]:
    """Return the kinds that were listed in a namespace before its tenants were let in."""
    told = [what for _, who, what in result.story.lines if who == "operator"]
    opened = next(
        number
        for number, what in enumerate(told)
        if what.startswith("create rolebindings") and what.endswith("-> 201")
    )
    listed = [what for what in told[:opened] if what.startswith("reads list ") and " gbx-" in what]
    assert any(what.startswith("reads get namespaces gbx-") for what in told[:opened])
    return sorted(what.split()[2] for what in listed)


def interactive() -> Result:
    result = run(Scenario(12, has_run=False, slowest=0.2))
    assert not result.broken, result.told()
    return result


def watches(monkeypatch: pytest.MonkeyPatch, *late: str) -> None:
    lag = StreamFault("lags", seconds=60.0)
    monkeypatch.setattr(
        SeededFaults,
        "stream",
        lambda _, asked: lag if asked.kind.plural in late else StreamFault(),
    )


def first(monkeypatch: pytest.MonkeyPatch, verb: str, name: str, fault: Fault) -> None:
    """Let the first write of an object go wrong, and no other."""
    met: list[Asked] = []

    def choose(_: SeededFaults, asked: Asked, *, is_write: bool) -> Fault:
        del is_write
        if met or (asked.verb, asked.name) != (verb, name):
            return NOTHING
        met.append(asked)
        return fault

    monkeypatch.setattr(SeededFaults, "_fault", choose)


def test_what_the_watches_told_of_is_not_read_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    watches(monkeypatch)
    assert lists_before_access(interactive()) == []


@pytest.mark.parametrize("plural", KINDS)
def test_what_its_watch_does_not_tell_of_is_read(
    monkeypatch: pytest.MonkeyPatch, plural: str
) -> None:
    watches(monkeypatch, plural)
    assert lists_before_access(interactive()) == [plural]


def test_what_an_earlier_look_wrote_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its watch told of the write, and may have been silent ever since."""
    watches(monkeypatch)
    first(monkeypatch, "create", names.SNAPSHOT_CONFIG_MAP, Fault("refused", 503))
    assert lists_before_access(interactive()) == sorted(KINDS)


def test_what_was_written_long_ago_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """One request hung while the others were long answered."""
    watches(monkeypatch)
    slow = Fault("slow", seconds=isolation._FRESH_SECONDS + 1)
    first(monkeypatch, "create", names.SNAPSHOT_CONFIG_MAP, slow)
    # Before credentials are written, and before access opens.
    assert lists_before_access(interactive()) == sorted([*KINDS, *KINDS])


def test_without_the_rule_a_silent_watch_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the tests above can fail: what is asked for is what makes the difference."""
    watches(monkeypatch, *KINDS)
    monkeypatch.setattr(Children, "has_told_since", lambda *_: True)
    assert lists_before_access(interactive()) == []
