"""Pages about pins and Experiments: all that is known is on them, and nothing on them acts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel, ValidationError

from glovebox.api.base import TolerantModel
from glovebox.api.conditions import TYPE_MEANINGS, Condition
from glovebox.api.dataset_pin import DatasetPin
from glovebox.api.dataset_pin_status import DatasetPinStatus
from glovebox.api.experiment import Experiment
from glovebox.api.experiment_status import ExperimentStatus
from glovebox.api.feature_set_pin import FeatureSetPin, FeatureSetPinStatus
from glovebox.report import words
from glovebox.report.conditions import tone
from glovebox.report.experiment import experiment_page
from glovebox.report.feature_set import feature_set_page
from glovebox.report.html import render
from glovebox.report.page import Mark, Table, Tone
from glovebox.report.pin import pin_page
from glovebox.report.readings import Reading, table_of

Json = dict[str, Any]
HERE = Path(__file__).parent
NOW = datetime(2026, 3, 3, tzinfo=UTC)
# Which knows nothing to close, so that what is open at the end was forgotten.
_EMPTY = {"meta", "br"}


def example(name: str) -> Json:
    found: Json = yaml.safe_load((HERE / f"{name}.yaml").read_text(encoding="utf-8"))
    return found


def experiment_html(obj: Json) -> str:
    return render(experiment_page(Experiment.model_validate(obj), NOW))


def pin_html(obj: Json, readings: list[Reading] | None = None) -> str:
    return render(pin_page(DatasetPin.model_validate(obj), readings or [], NOW))


def feature_set_html(obj: Json) -> str:
    return render(feature_set_page(FeatureSetPin.model_validate(obj), [], NOW))


PAGES = [
    pytest.param("experiment", experiment_html, id="experiment"),
    pytest.param("pin", pin_html, id="pin"),
    pytest.param("featureset", feature_set_html, id="featureset"),
]


class Read(HTMLParser):
    """What a browser would see."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.words += [value or "" for name, value in attrs if name == "title"]
        if tag not in _EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, each in value.items():
            yield from leaves(each, f"{path}.{name}")
    elif isinstance(value, list):
        for each in value:
            yield from leaves(each, path)
    else:
        yield path.removeprefix("."), value


# What a page leaves out, because it serves the operator, or is said by something else on it.
LEFT_OUT = re.compile(
    r"status\.(observedGeneration|state|closedTime|platform|platformImage|deliveryMode|namespaceUid|shards"
    r"|provisioned\.(namespaceUid|digest)|manifest\..*|provenance\.digest"
    r"|contract\.(digest|content|footers|bytesRead)|materialized\.(digest|footers|bytesRead)"
    r"|inputs\.(uid|pinDigest|storeRef|grants\.(uid|digest|storeRef|uses|use|expireTime))"
    r"|artifacts\.sessionsEndTime|isolation\.(attempts|policyDigest|jobUid)"
    r"|run\.(jobUid|record|pods\.(uid|startTime|completionTime|containers\.image"
    r"|containers\.log\.(key|digest|bytes|final|truncated|redactions))|nodes\.kubeletVersion"
    r"|pods\.(phase|stage)|stages\.(startTime|completionTime))"
    r"|tenantPods\.pods\.(uid|creationTime)|seal\.(attestationVersion|sessionsEndTime)"
    r"|sealSupplement\.(attestationVersion|manifestDigest|keyId)"
    r"|conclusion\.(attestationVersion|keyId)|drift\.(last|outstanding\.first)\.change"
    r"|ledger\.entries\.id"
    r"|statistics\.(content|asked|files|bytesRead|document\.(versionId|digest|bytes))"
    r"|distribution\.(content|asked|againstStatistics|verdict|worstPsi"
    r"|document\.(versionId|digest|bytes)|columns\.(psi|psiFloor|distance|distanceFloor|nullShare"
    r"|nullShareBefore)|drawn\.parts\.(share|before))|statistics\.drawn\..*"
    r"|verification\.(locks|current\.(startedTime|after|needs|seed)"
    r"|findings\.(changed|missing|unreadable|weakened))|budgetSpent\..*"
    r"|reads\.unusual\.(kind|reader)|lineage\.namespace|purpose\.(owner|ticket)|conditions\.observedGeneration"
    r"|findings\.(changed|hidden|unreadable)|hold\.checkedTime)"
)


def is_shown(value: Any, text: str) -> bool:
    if isinstance(value, int):
        return f"{value:,}" in text or words.size(value, short=True) in text
    try:
        return f"{datetime.fromisoformat(str(value)):%Y-%m-%d %H:%M:%S} UTC" in text
    except ValueError:
        return " ".join(str(value).split()) in text


@pytest.mark.parametrize(("name", "made"), PAGES)
def test_all_that_the_status_says_is_on_the_page(name: str, made: Any) -> None:
    obj = example(name)
    text = Read(made(obj)).text
    said = [(path, each) for path, each in leaves(obj) if path.startswith("status.")]
    missing = {
        path
        for path, each in said
        if each != "" and not LEFT_OUT.fullmatch(path) and not is_shown(each, text)
    }
    assert missing == set()
    assert len(said) > 60


def members(model: type[TolerantModel], path: str = "status") -> Iterator[str]:
    for field in model.model_fields.values():
        here = f"{path}.{field.alias}"
        inner = list(_models(field.annotation))
        if not inner:
            yield here
        for each in inner:
            yield from members(each, here)


def _models(annotation: Any) -> Iterator[type[TolerantModel]]:
    if isinstance(annotation, type) and issubclass(annotation, TolerantModel):
        yield annotation
    for each in get_args(annotation):
        yield from _models(each)


# What the examples have no place for: it is there only while something is the matter, or under way.
ELSEWHERE = re.compile(
    r"status\.(conditions|teamBudget|progress\..*|part\..*|evolution\.message|artifacts\.credentialsExpireTime|inputs\.(manifest|stated)\..*"
    r"|inputs\.(image|bucket|prefix)|inputs\.grants\.contentRoot|run\.pods\.reason"
    r"|run\.pods\.containers\.log\.problem|run\.nodes\.problem|isolation\.failed"
    r"|tenantPods\.truncated|verification\.current\.(findings|seed).*"
    r"|statistics\.drawn\.parts\.before)"
)


@pytest.mark.parametrize(
    ("name", "model"),
    [
        pytest.param("experiment", ExperimentStatus, id="experiment"),
        pytest.param("pin", DatasetPinStatus, id="pin"),
        pytest.param("featureset", FeatureSetPinStatus, id="featureset"),
    ],
)
def test_the_example_says_all_that_a_status_can_say(name: str, model: type[TolerantModel]) -> None:
    """What a status learns to say is either on the page or left out on purpose."""
    there = {path for path, _ in leaves(example(name)) if path.startswith("status.")}
    wanted = {path for path in members(model) if not ELSEWHERE.fullmatch(path)}
    assert wanted - there == set()


def test_what_is_defined_and_what_the_values_are_stands_side_by_side() -> None:
    text = Read(feature_set_html(example("featureset"))).text
    assert "departure_hour Scheduled hour of departure, local time. int8 sched_dep_time" in text
    assert "float32 of 24 x any may be missing wind.py:hours_before of https://git" in text
    assert "Type wind float32 of 24 x any double 2013/07.parquet 20,931" in text
    assert "Null 1, Type 4" in text
    assert "3 more are not listed." in text
    assert "86,400 s after its event time" in text


def test_definitions_that_nobody_compared_with_values_have_no_row_of_them() -> None:
    obj = example("featureset")
    del obj["spec"]["materialized"], obj["status"]["materialized"]
    assert "Its values" not in Read(feature_set_html(obj)).text
    pin = FeatureSetPin.model_validate(obj)
    assert "right to list FeatureSetPins" in Read(render(feature_set_page(pin, None, NOW))).text


def test_a_column_that_moved_says_by_how_much_and_what_chance_comes_to() -> None:
    text = Read(pin_html(example("pin"))).text
    assert "distance moved PSI 0.3120 (0.0011) 0.1433 (0.0062) 0.00% → 0.00%" in text
    assert "carrier stable 0.0412 (0.0009) 0.0217 (0.0058) 0.12% → 3.28%" in text
    assert "tail unknown NotShown" in text


def test_what_a_proof_found_is_named_with_what_it_was_and_is() -> None:
    text = Read(pin_html(example("pin"))).text
    assert f"Sample changed 2013/07.parquet sha256:{'a1' * 32} sha256:{'b2' * 32}" in text
    assert "List missing 2013/03.parquet version v3 no version" in text
    assert "Full 2026-02-28 09:14:03 UTC Passed 9 4.6 MiB 4 objects, 2.0 MiB; waits until" in text


HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>\u202eevil\x07\x1b[31m"


MODELS: dict[str, type[BaseModel]] = {
    "experiment": Experiment,
    "pin": DatasetPin,
    "featureset": FeatureSetPin,
}


def texts(of: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every text in an object: what holds it, and its key there."""
    for key in list(of) if isinstance(of, dict) else range(len(of)):
        if isinstance(of[key], dict | list):
            yield from texts(of[key])
        elif isinstance(of[key], str):
            yield of, key


def poisoned(name: str) -> tuple[Json, set[str]]:
    """Return an object with hostile words wherever it may have any, and those places."""
    found, where = example(name), set()
    for held, key in texts(found):
        before = held[key]
        held[key] = f"{before} {HOSTILE}"
        try:
            MODELS[name].model_validate(found)
        except ValidationError:
            held[key] = before
        else:
            where.add(str(key))
    return found, where


@pytest.mark.parametrize(("name", "made"), PAGES)
def test_no_text_of_a_tenant_acts(name: str, made: Any) -> None:
    hostile, where = poisoned(name)
    assert {"message", "description", "name", "owner"} <= where
    read = Read(made(hostile))
    assert not read.open
    assert read.tags.isdisjoint({"script", "img", "a", "link", "iframe", "form", "object"})
    assert not any(each.startswith("on") for each in read.attributes)
    assert not read.attributes & {"href", "src", "action", "background"}
    assert not re.search("[\u202e\x07\x1b]", read.text)
    assert "<script>alert(1)</script>" in read.text  # told, letter for letter


@pytest.mark.parametrize(("name", "made"), PAGES)
def test_a_page_brings_all_that_it_needs(name: str, made: Any) -> None:
    text = made(example(name))
    assert "default-src 'none'" in text
    assert "url(" not in text
    assert made(example(name)) == text


@pytest.mark.parametrize(("name", "made"), PAGES)
def test_what_was_only_declared_has_a_page(name: str, made: Any) -> None:
    obj = example(name)
    del obj["status"]
    read = Read(made(obj))
    assert "Not observed yet" in read.text
    assert "Conditions" not in read.text
    assert read.open == []


def test_the_worst_comes_first() -> None:
    page = pin_page(DatasetPin.model_validate(example("pin")), [], NOW)
    assert [(each.text, each.tone) for each in page.marks] == [
        ("Stalled", "bad"),
        ("Not as pinned", "bad"),
        ("Contract broken", "bad"),
        ("Distribution moved", "bad"),
        ("Unusual reads", "bad"),
    ]
    assert page.summary == "the files are not what the contract says: 4 violations of 2 rules"


@pytest.mark.parametrize(
    ("because", "mark"),
    [("on purpose", "Shared, with a reason"), ("", "Something is shared")],
)
def test_what_is_shared_stands_out(because: str, mark: str) -> None:
    obj = example("experiment")
    obj["status"]["leakage"][0]["allowedBecause"] = because
    page = experiment_page(Experiment.model_validate(obj), NOW)
    (leaks,) = (each for each in page.sections if each.title.startswith("Could"))
    assert leaks.mark is not None
    assert leaks.mark.text == mark


def test_of_a_leak_that_is_proved_it_is_said_that_it_cannot_be() -> None:
    obj = example("experiment")
    obj["status"]["leakage"][0] = {"type": "NoTestSet", "level": "Proved", "message": "x"}
    page = experiment_page(Experiment.model_validate(obj), NOW)
    (leaks,) = (each for each in page.sections if each.title.startswith("Could"))
    (table,) = leaks.blocks
    assert isinstance(table, Table)
    assert table.rows[0][1] == Mark("Proved (it cannot be)", Tone.GOOD)
    assert "Proved: it cannot be." in table.caption


@pytest.mark.parametrize(
    ("condition", "status", "tone"),
    [
        ("Sealed", "True", "good"),
        ("Sealed", "False", "bad"),
        ("Sealed", "Unknown", "waiting"),
        ("DriftDetected", "True", "bad"),
        ("DriftDetected", "False", "good"),
        ("PlatformChanged", "True", "bad"),
        ("Retiring", "True", "bad"),
        ("Retiring", "False", "good"),
    ],
)
def test_a_condition_is_coloured_as_it_is_meant(condition: str, status: str, tone: str) -> None:
    obj = example("experiment")
    entry = {**obj["status"]["conditions"][0], "type": condition, "status": status}
    obj["status"]["conditions"] = [entry]
    assert f'<span class="mark {tone}">{status}</span>' in experiment_html(obj)


def test_only_these_are_unwanted_when_they_are_true() -> None:
    """A condition type that comes new has to be put on one of the two sides."""
    for each in TYPE_MEANINGS:
        entry = Condition(
            type=each,
            status="True",
            reason="Some",
            message="",
            observed_generation=1,
            last_transition_time=NOW,
        )
        is_unwanted = tone(entry) == "bad"
        assert is_unwanted == (each in UNWANTED), each
    assert len(TYPE_MEANINGS) == 41


UNWANTED = {"Reconciling", "Stalled", "DriftDetected", "PlatformChanged", "Retiring"}


def test_who_can_read_it_is_listed_or_said_not_to_be() -> None:
    reading = Reading(
        content="sha256:1",
        namespace="lab",
        through="AccessGrant data/loan",
        roles=("train",),
        state="Ready (1 of 3 used)",
        since="2026-02-28T09:00:00Z",
        until="2026-06-01T00:00:00Z",
        last_used="",
    )
    pin = DatasetPin.model_validate(example("pin"))
    listed = Read(render(pin_page(pin, [reading], NOW))).text
    assert "lab AccessGrant data/loan train Ready (1 of 3 used)" in listed
    assert "2026-06-01 00:00:00 UTC never" in listed
    assert "takes the right to list" in Read(render(pin_page(pin, None, NOW))).text


@pytest.mark.parametrize(
    ("until", "shown"),
    [
        ("2026-03-03T12:00:00+02:00", "2026-03-03 10:00:00 UTC"),
        ("2026-03-03T12:00:00Z", "2026-03-03 12:00:00 UTC"),
        # The API server takes both, and one grant must not keep everybody from a page.
        ("2026-03-03t12:00:00z", "2026-03-03t12:00:00z"),
        ("2026-03-03T12:00:00+99:99", "2026-03-03T12:00:00+99:99"),
    ],
)
def test_a_time_is_shown_in_utc_wherever_it_was_written(until: str, shown: str) -> None:
    reading = Reading("", "team-b", "AccessGrant a/b", (), "Ready", "", until, "")
    ((*_, found, _, _),) = table_of([reading]).rows
    assert found == shown


def test_a_time_that_is_no_time_in_utc_is_shown_as_it_is() -> None:
    west = timezone(-timedelta(hours=12))
    assert words.time(datetime(9999, 12, 31, 23, tzinfo=west)) == "9999-12-31T23:00:00-12:00"


def test_what_went_into_artifacts_is_on_the_page_of_their_pin() -> None:
    obj = example("pin")
    obj["spec"]["source"] = {"experimentRef": {"name": "build", "prefix": "features/"}}
    read = {"kind": "DatasetPin", "digest": "sha256:" + "a" * 64, "readBy": "team/build"}
    obj["status"]["derived"] = {
        "experiment": "team/build",
        "uid": "5f0c",
        "sealedTime": "2026-11-27T00:00:00Z",
        "inputs": [{"name": "final", "role": "holdout", **read}],
        "moreInputs": True,
    }
    text = Read(pin_html(obj)).text
    assert "artifacts of Experiment build, features/" in text
    assert "team/build, UID 5f0c" in text
    assert "holdout" in text
    assert "Not all of what went in is named" in text
