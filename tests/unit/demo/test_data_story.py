"""The steps of the story of data fail where anything turns out differently: exit code 0 says so."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

import pytest

from glovebox_local.demo.stage import EXPERIMENT, TEAM, Act, Stage
from glovebox_local.demo.stories import (
    cataloguing,
    checking,
    damaging,
    leaking,
    lending,
    moving,
    tracing,
)
from glovebox_local.demo.tools import Answer
from glovebox_local.errors import LocalError
from support.examples import REPOSITORY

Json = dict[str, Any]
SHARED = (
    "share 1 row by `flight`, such as `row 9 of flights-2013-09.parquet` (in `test`: `row 418 of"
    " flights-2013-10.parquet`)"
)
FINDINGS = (
    "missing weather-2013-01.parquet",
    "hidden weather-2013-02.parquet",
    "hidden weather-2013-03.parquet",
    "extra 2013/fading/weather-2013-05.parquet",
)


def stalled(reason: str, message: str, **status: Any) -> Json:
    said = {"type": "Stalled", "status": "True", "reason": reason, "message": message}
    return {"status": {"conditions": [said], **status}}


def saying(kind: str, message: str, **status: Any) -> Json:
    said = {"type": kind, "status": "False", "reason": "Any", "message": message}
    return {"status": {"conditions": [said], **status}}


def violations(*found: tuple[str, int, str]) -> Json:
    first = [
        {
            "rule": rule,
            "file": f"flights-2013-0{month}.parquet",
            "column": column,
            "count": 1,
            "message": "is wrong",
        }
        for rule, month, column in found
    ]
    return {"status": {"contract": {"first": first}}}


def moved(**columns: str) -> Json:
    found = [
        {"name": name, "verdict": "moved" if reason else "stable", "reason": reason}
        for name, reason in columns.items()
    ]
    return {"status": {"distribution": {"columns": found}}}


CONTRACT = (("Type", 1, "distance"), ("NullShare", 2, "dep_delay"), ("Allowed", 3, "origin"))


def fading(*samples: str, message: str = "missing weather-2013-01.parquet") -> Json:
    return saying("InputsVerified", message, findings={"samples": list(samples)})


@dataclass(frozen=True)
class Played:
    """A step, and what there is when it is played.

    Attributes:
        act: The step.
        found: What every object is, and what every command of ours says.
        said: The latter.
        otherwise: How either may differ.
    """

    act: Act
    found: Json
    said: str = ""
    otherwise: tuple[Json | str, ...] = ()


STEPS: dict[str, Played] = {
    "a leaked row": Played(
        leaking.refuse_row,
        stalled("LeakageFound", SHARED),
        otherwise=(
            stalled("Gated", SHARED),
            stalled("LeakageFound", SHARED, namespace="gbx-x"),
            stalled("LeakageFound", SHARED.replace("share 1 row", "share 2 rows")),
            stalled("LeakageFound", SHARED.replace("row 418", "row 419")),
        ),
    ),
    "a leaked file": Played(
        leaking.refuse_file,
        stalled("LeakageFound", "share 1 object byte by byte, such as `more-flights.parquet`"),
        otherwise=(
            stalled("LeakageFound", "share 1 object byte by byte, such as `other.parquet`"),
            stalled("LeakageUnknown", "share 1 object byte by byte: `more-flights.parquet`"),
        ),
    ),
    "a holdout": Played(
        lending.take_use,
        saying("InputsGranted", "granted by team-flights/flights-holdout"),
        otherwise=(saying("InputsGranted", "nothing asks for a grant"), {"status": {}}),
    ),
    "the second look": Played(
        lending.refuse_second,
        stalled("GrantUsedUp", "used up (by Experiment 'final-figure' at 2026-01-01)"),
        otherwise=(
            stalled("GrantUsedUp", "used up"),
            stalled("NotGranted", "used up (by Experiment 'final-figure' at 2026-01-01)"),
        ),
    ),
    "a review": Played(
        lending.review,
        {},
        "AccessGrant team-flights/flights-holdout GrantUsedUp (1 of 1 used)",
        otherwise=("AccessGrant team-flights/flights-holdout Granted (0 of 1 used)", ""),
    ),
    "files that fade": Played(
        damaging.find,
        fading(*FINDINGS),
        otherwise=(
            fading(*FINDINGS[:3]),
            fading(*FINDINGS, "extra another"),
            fading(*FINDINGS, message="hidden weather-2013-02.parquet"),
        ),
    ),
    "a contract": Played(
        checking.find,
        violations(*CONTRACT),
        otherwise=(
            violations(*CONTRACT[:2]),
            violations(*CONTRACT, ("Type", 4, "distance")),
            violations(*CONTRACT[:2], ("Allowed", 4, "origin")),
        ),
    ),
    "a distribution": Played(
        moving.find,
        moved(distance="PSI", carrier=""),
        otherwise=(
            moved(distance="", carrier=""),
            moved(distance="PSI", carrier="PSI"),
            moved(distance="NullShare"),
        ),
    ),
    "features of a season that is over": Played(
        moving.refuse_expired,
        stalled("Expired", "FeatureSetPin 'summer-features' ended on 2013-10-27"),
        otherwise=(stalled("Expired", "FeatureSetPin 'summer-features' ended"),),
    ),
    "a mirror": Played(
        tracing.ask,
        {"status": {"digest": "sha256:0"}},
        f"DatasetPin {TEAM}/flights-2013-train, s3://flights/2013/train\n"
        f"DatasetPin {TEAM}/mirrored-months, s3://flights-mirror/copied\n"
        f"used as train by Experiment {TEAM}/{EXPERIMENT}",
        otherwise=(f"DatasetPin {TEAM}/flights-2013-train, s3://flights/2013/train",),
    ),
    "no licence": Played(
        tracing.refuse_unlicensed,
        stalled("LicenseNotAllowed", "DatasetPin 'mirrored-months' does not say `spec.license`"),
        otherwise=(stalled("LicenseNotAllowed", "DatasetPin 'other' does not say it"),),
    ),
}
OTHERWISE = [
    pytest.param(
        played.act,
        played.found if isinstance(other, str) else other,
        other if isinstance(other, str) else played.said,
        id=f"{name}: {place}",
    )
    for name, played in STEPS.items()
    for place, other in enumerate(played.otherwise, 1)
]
STEP = cast("Any", SimpleNamespace(say=lambda _: None))


def stage_of(found: Json, said: str) -> Stage:
    """Return a demonstration in which every object is this one, and every command says this."""

    def kubectl(verb: str, *_: object, **__: object) -> str:
        return json.dumps(found) if verb == "get" else ""

    tools = SimpleNamespace(
        kubectl=kubectl,
        get=lambda *_, **__: copy.deepcopy(found),
        try_kubectl=lambda *words, **__: Answer(f"kubectl {' '.join(words)}", 0, "", ""),
    )
    ours = lambda *words: Answer(f"glovebox {' '.join(words)}", 0, said, "")  # noqa: E731
    return cast("Stage", SimpleNamespace(tools=tools, glovebox=ours, repository=REPOSITORY))


@pytest.mark.parametrize("name", STEPS)
def test_a_step_shows_what_the_story_says(name: str) -> None:
    played = STEPS[name]
    assert played.act(stage_of(played.found, played.said), STEP) is not None


@pytest.mark.parametrize(("act", "found", "said"), OTHERWISE)
def test_a_step_ends_the_story_where_it_turns_out_differently(
    act: Act, found: Json, said: str
) -> None:
    with pytest.raises(LocalError):
        act(stage_of(found, said), STEP)


def with_events(**times: int) -> Stage:
    """Return a demonstration whose catalogue was given each event so many times, by default once.

    Args:
        times: By number of the Experiment and type of the event: `START_1`.
    """
    events = [
        {"job": {"name": f"team.{name}"}, "eventType": kind}
        for number, name in enumerate(cataloguing._NAMES, 1)
        for kind in cataloguing._WHOLE
        for _ in range(times.get(f"{kind}_{number}", 1))
    ]
    stage = stage_of({"items": []}, "")
    stage.catalogue = cast("Any", SimpleNamespace(open=lambda: None, events=events))
    return stage


def test_each_event_arrives_once() -> None:
    assert cataloguing.come_back(with_events(), STEP) is not None


@pytest.mark.parametrize("times", [{"COMPLETE_2": 0}, {"START_3": 2}], ids=["none", "twice"])
def test_an_event_that_is_lost_or_comes_twice_ends_the_story(times: dict[str, int]) -> None:
    with pytest.raises(LocalError, match="while-away"):
        cataloguing.come_back(with_events(**times), STEP)
