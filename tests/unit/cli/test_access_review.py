"""Who can read which content, as it follows from pins, grants and Experiments."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from glovebox.cli import experiments
from glovebox.cli.main import app
from glovebox.report.readings import Reading, review

Json = dict[str, Any]
ROOT = "sha256:" + "a" * 64
MADE, BOUND = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"
READY = [{"type": "Ready", "status": "True", "reason": "Granted"}]


def pin(namespace: str, name: str, root: str = ROOT, kind: str = "DatasetPin") -> Json:
    metadata = {"namespace": namespace, "name": name, "creationTimestamp": MADE}
    status = {"digest": root, "conditions": READY}
    return {"kind": kind, "metadata": metadata, "spec": {}, "status": status}


def grant(**status: Any) -> Json:
    return {
        "metadata": {"namespace": "data", "name": "loan", "creationTimestamp": MADE},
        "spec": {
            "namespaces": ["lab", "shop"],
            "roles": ["train"],
            "uses": 3,
            "expireTime": "2027-01-01T00:00:00Z",
        },
        "status": {"contentRoot": ROOT, "conditions": READY, **status},
    }


def experiment(namespace: str, pin_ref: str, *grants: str) -> Json:
    entry = {"digest": ROOT, "pinRef": pin_ref, "grants": [{"grantRef": each} for each in grants]}
    return {
        "metadata": {"namespace": namespace, "name": "x"},
        "status": {"boundTime": BOUND, "inputs": [entry]},
    }


def reading(namespace: str, through: str, **changes: Any) -> Reading:
    fields = {
        "content": ROOT,
        "namespace": namespace,
        "through": through,
        "roles": (),
        "state": "Ready",
        "since": MADE,
        "until": "",
        "last_used": "",
    }
    return Reading(**{**fields, **changes})


def test_pins_mirrors_and_grants_are_found_by_content() -> None:
    by_grant = {
        "roles": ("train",),
        "state": "Ready (1 of 3 used)",
        "until": "2027-01-01T00:00:00Z",
    }
    found = review(
        [pin("data", "set"), pin("shop", "mirror"), pin("shop", "unread", "")],
        [grant(used=1)],
        [experiment("lab", "data/set", "data/loan"), experiment("shop", "mirror")],
    )
    assert found == [
        reading("data", "DatasetPin data/set"),
        reading("lab", "AccessGrant data/loan", last_used=BOUND, **by_grant),
        reading("shop", "AccessGrant data/loan", **by_grant),
        reading("shop", "DatasetPin shop/mirror", last_used=BOUND),
    ]


def test_a_use_of_what_is_gone_is_told_by_the_grant() -> None:
    uses = [{"experiment": "lab/gone", "time": BOUND}]
    found = review([], [grant(used=1, uses=uses)], [])
    assert [(each.namespace, each.last_used) for each in found] == [("lab", BOUND), ("shop", "")]


def test_what_was_delivered_by_a_grant_that_is_gone_is_told() -> None:
    (found,) = review([], [], [experiment("lab", "data/set", "data/loan")])
    assert (found.through, found.last_used) == ("Experiment lab/x", BOUND)
    assert "its grant is gone" in found.state


@pytest.mark.parametrize(
    ("reason", "why"), [("GrantRevoked", "was revoked"), ("GrantExpired", "has expired")]
)
def test_what_was_delivered_by_a_grant_that_ended_is_told_while_it_is_there(
    reason: str, why: str
) -> None:
    over = [{"type": "Ready", "status": "False", "reason": reason}]
    borrower = experiment("lab", "data/set", "data/loan")
    found = review([], [grant(conditions=over)], [borrower])
    assert f"delivered; its grant {why}" in {each.state for each in found}
    borrower["status"]["seal"] = {"digest": ROOT}
    found = review([], [grant(conditions=over)], [borrower])
    assert {each.through for each in found} == {"AccessGrant data/loan"}


def test_a_grant_that_is_used_up_says_so_although_it_is_ready() -> None:
    done = [{"type": "Ready", "status": "True", "reason": "GrantUsedUp"}]
    found = review(
        [], [grant(conditions=done, used=3)], [experiment("lab", "data/set", "data/loan")]
    )
    assert {each.state for each in found} == {"GrantUsedUp (3 of 3 used)"}


def test_a_part_of_a_split_is_read_in_its_role_alone() -> None:
    part = pin("lab", "test")
    part["status"]["part"] = {"split": "visits", "name": "test", "role": "test"}
    (found,) = review([part], [], [])
    assert found.roles == ("test",)


def test_definitions_are_found_by_their_digest_and_read_in_one_role() -> None:
    lent = grant(used=1)
    lent["spec"]["roles"] = ["features"]
    found = review(
        [pin("data", "v1", kind="FeatureSetPin")],
        [lent],
        [experiment("lab", "data/v1", "data/loan"), experiment("data", "v1")],
    )
    assert [(each.through, each.roles, each.last_used) for each in found] == [
        ("FeatureSetPin data/v1", ("features",), BOUND),
        ("AccessGrant data/loan", ("features",), BOUND),
        ("AccessGrant data/loan", ("features",), ""),
    ]


def test_a_use_by_a_part_is_one_of_the_content_that_is_granted() -> None:
    user = experiment("lab", "test", "data/loan")
    (entry,) = user["status"]["inputs"]
    entry["digest"] = "sha256:" + "b" * 64
    entry["grants"][0]["contentRoot"] = ROOT
    found = review([], [grant(used=1)], [user])
    assert {each.namespace: each.last_used for each in found} == {"lab": BOUND, "shop": ""}


def test_many_pins_and_experiments_are_reviewed_in_one_pass() -> None:
    looked = [0]

    class Counted(dict[str, Any]):
        def get(self, key: str, default: Any = None) -> Any:
            looked[0] += key == "status"
            return super().get(key, default)

    number = 500
    bound = [Counted(experiment("lab", f"set{at}")) for at in range(number)]
    review([pin("lab", f"set{at}") for at in range(number)], [grant()], bound)
    assert looked[0] <= 3 * number


def test_a_grant_that_ended_is_shown_with_its_end() -> None:
    over = [{"type": "Ready", "status": "False", "reason": "GrantRevoked"}]
    found = review([], [grant(conditions=over, revokedTime=BOUND)], [])
    assert {(each.state, each.until) for each in found} == {("GrantRevoked (0 of 3 used)", BOUND)}


def test_the_table_and_the_json_say_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    class Cluster:
        def pins(self, namespace: str) -> list[Json]:
            asked.append(namespace)
            return [pin("data", "set\x1b[31m"), pin("data", "other", "sha256:" + "b" * 64)]

        def grants(self, namespace: str) -> list[Json]:
            asked.append(namespace)
            return [grant()]

        def experiments(self, namespace: str) -> list[Json]:
            asked.append(namespace)
            return []

    monkeypatch.setattr(experiments, "KubeconfigCluster", Cluster)
    told = CliRunner().invoke(app, ["access-review", "aaaaaaaa", "-n", "data"])
    assert told.exit_code == 0, told.output
    assert asked == ["data"] * 3
    lines = told.output.splitlines()
    assert lines[0].split()[:3] == ["CONTENT", "NAMESPACE", "THROUGH"]
    assert len(lines) == 4
    assert "\x1b" not in told.output
    as_json = CliRunner().invoke(app, ["access-review", "-o", "json"])
    assert [each["namespace"] for each in json.loads(as_json.output)] == [
        "data",
        "lab",
        "shop",
        "data",
    ]


def test_what_the_access_log_tells_of_a_pin_is_shown_with_it() -> None:
    read = pin("data", "set")
    read["status"]["reads"] = {"lastTime": BOUND, "unusual": [{"kind": "NotAnInput"}]}
    (found,) = review([read], [], [])
    assert (found.last_read, found.unusual) == (BOUND, 1)
    (unread,) = review([pin("data", "set")], [], [])
    assert (unread.last_read, unread.unusual) == ("", 0)


class Sparse:
    """A cluster of one pin, and two namespaces."""

    def pins(self, namespace: str) -> list[Json]:
        return [pin("data", "set")] if namespace in {"", "data"} else []

    def grants(self, namespace: str) -> list[Json]:
        del namespace
        return []

    def experiments(self, namespace: str) -> list[Json]:
        del namespace
        return []

    def lacks_namespace(self, name: str) -> bool:
        return name not in {"data", "empty"}


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        pytest.param((), 0, "", id="all"),
        pytest.param(("aaaaaaaa",), 0, "", id="a content"),
        pytest.param(("1f0e3a5c",), 1, "a content that begins with sha256:1f0e3a5c", id="none"),
        pytest.param(("-n", "empty"), 0, "", id="a namespace without any"),
        pytest.param(("-n", "team-dat"), 1, "there is no namespace team-dat", id="no namespace"),
        pytest.param(
            ("aaaaaaaa", "-n", "empty"), 1, "Experiment in namespace empty", id="not in there"
        ),
    ],
)
@pytest.mark.parametrize("output", ["table", "json"])
def test_a_mistake_is_not_answered_as_nobody(
    arguments: tuple[str, ...],
    code: int,
    said: str,
    output: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(experiments, "KubeconfigCluster", Sparse)
    told = CliRunner().invoke(app, ["access-review", *arguments, "-o", output])
    assert (told.exit_code, said in told.stderr) == (code, True)
    assert bool(told.stderr) is bool(said)
