"""Which AccessGrant lets two inputs share what they share, and what is said where none does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from glovebox.api.access_grant import AccessGrant
from glovebox.api.experiment_inputs import AllowedOverlap, Inputs
from glovebox.api.input_status import InputGrant, InputStatus
from glovebox.controllers.experiment.overlap_grants import (
    GrantedOverlap,
    overlap_grants,
    possible_overlaps,
    with_overlap,
)
from glovebox.data.overlap import Overlap, Shared
from glovebox.desired.covered import Covered
from glovebox.desired.grants import as_bound, grant_digest
from glovebox.desired.leakage import leakage_sheet
from glovebox.desired.leakage_policy import check_overlap_allowed
from glovebox.errors import GloveboxError, Refused
from glovebox.kube.kinds import ACCESS_GRANT
from glovebox.kube.resources import Key
from glovebox.status.text import format_time

NOW = datetime(2026, 6, 1, tzinfo=UTC)
TRAIN, TEST = "sha256:" + "a" * 64, "sha256:" + "b" * 64
SAME_FILES = Overlap(
    (Shared("train", "final", "Objects", 3, 2, (("a.csv", "b.csv"),)),), {"train": 9, "final": 4}
)


def grant(
    name: str = "loan", *, of: tuple[str, ...] = ("Objects",), days: float = 1, **changes: Any
) -> AccessGrant:
    """Return a grant for the holdout of namespace `data`, whose owner lets it share files."""
    spec = {
        "pinRef": {"name": "final"},
        "namespaces": ["lab"],
        "roles": ["holdout"],
        "overlap": {"withRoles": ["train"], "of": list(of)},
        "expireTime": format_time(NOW + timedelta(days=days)),
        "uses": 1,
        "reason": "the calibration images",
        **{key: value for key, value in changes.items() if key not in {"used", "owner"}},
    }
    ready = {"type": "Ready", "status": "True", "reason": "Granted", "message": ""}
    use = {"use": 1, "experiment": "lab/y", "uid": "other", "time": format_time(NOW)}
    found = AccessGrant.model_validate(
        {
            "apiVersion": "glovebox.dev/v1alpha1",
            "kind": "AccessGrant",
            "metadata": {
                "name": name,
                "namespace": changes.get("owner", "data"),
                "uid": name,
                "generation": 1,
            },
            "spec": {key: value for key, value in spec.items() if value is not None},
            "status": {
                "contentRoot": changes.get("contentRoot", TEST),
                "storeRef": "primary",
                "used": len(changes.get("used", ())),
                "uses": [use for _ in changes.get("used", ())],
                "observedGeneration": 1,
                "conditions": [{**ready, "lastTransitionTime": format_time(NOW)}],
            },
        }
    )
    status = found.status.model_copy(update={"digest": grant_digest(found.spec)})
    return found.model_copy(update={"status": status})


def covered(name: str, role: str, digest: str) -> Covered:
    return Covered(name, role, f"data/{name}", digest=digest)


INPUTS = (covered("train", "train", TRAIN), covered("final", "holdout", TEST))


def scope_of(grants: tuple[AccessGrant, ...], **inputs: Any) -> Any:
    keys = {Key(ACCESS_GRANT.kind, each.namespace, each.name): each for each in grants}
    registry = SimpleNamespace(
        grants_in=lambda namespace: [key for key in keys if key.namespace == namespace]
    )
    resources = SimpleNamespace(parsed=lambda key, _: keys.get(key))
    spec = SimpleNamespace(inputs=Inputs(**inputs), purpose=SimpleNamespace(ticket="DS-7"))
    return SimpleNamespace(
        experiment=SimpleNamespace(namespace="lab", name="x", uid="u", spec=spec),
        ports=SimpleNamespace(registry=registry, resources=resources),
        now=NOW,
    )


def bound(owner: str = "data/", *used_by: InputGrant) -> tuple[InputStatus, ...]:
    return tuple(
        InputStatus(
            name=each.name,
            kind="DatasetPin",
            pin_ref=f"{owner}{each.name}",
            digest=each.digest,
            grants=used_by if each.name == "final" else (),
        )
        for each in INPUTS
    )


def looked_for(
    *grants: AccessGrant,
    overlap: Overlap = SAME_FILES,
    owner: str = "data/",
    used_by: tuple[InputGrant, ...] = (),
) -> tuple[GrantedOverlap, ...]:
    return overlap_grants(scope_of(grants), bound(owner, *used_by), INPUTS, overlap)


@pytest.mark.parametrize(
    ("grants", "chosen"),
    [
        pytest.param([grant()], "data/loan", id="of what is tested on, with this role, of this"),
        pytest.param([grant(of=("Rows", "Objects"))], "data/loan", id="and of more"),
        pytest.param([grant(), grant("soon", days=0.5)], "data/soon", id="the one that ends first"),
        pytest.param([grant(tickets=["DS-7"])], "data/loan", id="for this purpose"),
        pytest.param([grant(overlap=None)], "", id="it lets the data be used and share nothing"),
        pytest.param([grant(of=("Rows",))], "", id="of something else"),
        pytest.param(
            [grant(overlap={"withRoles": ["validation"], "of": ["Objects"]})],
            "",
            id="with another role",
        ),
        pytest.param([grant(roles=["test"])], "", id="in another role"),
        pytest.param([grant(namespaces=["other"])], "", id="for another namespace"),
        pytest.param([grant(owner="lab")], "", id="of who does not own what is tested on"),
        pytest.param(
            [grant(contentRoot=TRAIN, pinRef=None, storeRef={"name": "primary"})],
            "",
            id="of what is trained on",
        ),
        pytest.param([grant(revoked=True)], "GrantRevoked", id="revoked"),
        pytest.param([grant(days=-1)], "GrantExpired", id="over"),
        pytest.param([grant(used=("y",))], "GrantUsedUp", id="used up"),
        pytest.param([grant(tickets=["DS-8"])], "NotGranted", id="for another purpose"),
        pytest.param([grant(revoked=True), grant("next")], "data/next", id="revoked, and another"),
    ],
)
def test_the_owner_of_what_is_tested_on_lets_it_share(
    grants: list[AccessGrant], chosen: str
) -> None:
    if chosen and "/" not in chosen:
        with pytest.raises(GloveboxError, match=r"^inputs `train` \(train\) and") as refused:
            looked_for(*grants)
        assert refused.value.reason == chosen
        return
    found = looked_for(*grants)
    assert [each.grant.grant_ref for each in found] == ([chosen] if chosen else [])
    assert all(each.input == "final" for each in found)


def test_the_sheet_names_the_grant_and_the_reason_of_the_owner() -> None:
    (found,) = looked_for(grant())
    assert found.grant.overlap_with == ("train",)
    rows = leakage_sheet(INPUTS, (found.allowed,), SAME_FILES, stages=())
    shared = next(row for row in rows if row.type == "SharedObjects")
    assert (shared.level, shared.found) == ("Measured", 3)
    assert shared.allowed_because == "AccessGrant 'data/loan': the calibration images"


def test_data_at_home_take_a_grant_of_home() -> None:
    assert looked_for(grant(), owner="") == ()
    (found,) = looked_for(grant(owner="lab"), owner="")
    assert found.grant.grant_ref == "lab/loan"


def test_a_pin_at_home_of_bytes_that_another_asks_for_takes_the_word_of_both() -> None:
    whole = "sha256:" + "c" * 64
    theirs = grant("theirs", owner="data", contentRoot=whole)
    ours, used_by = grant("ours", owner="lab"), (as_bound(grant(contentRoot=whole)),)
    with pytest.raises(Refused, match="namespace 'lab' and role `holdout`") as refused:
        looked_for(ours, owner="", used_by=used_by)
    assert refused.value.reason == "NotGranted"
    assert (
        f"Namespace 'data' is asked as well, for input `final`: ask its owner for an AccessGrant"
        f" there of {whole}" in refused.value.message
    )
    scope = scope_of((ours,))
    assert possible_overlaps(scope, bound("", *used_by), INPUTS) == ()
    found = looked_for(ours, theirs, owner="", used_by=used_by)
    assert [each.grant.grant_ref for each in found] == ["lab/ours", "data/theirs"]
    scope = scope_of((ours, theirs))
    (possible,) = possible_overlaps(scope, bound("", *used_by), INPUTS)
    assert possible.reason == "AccessGrant 'lab/ours'; AccessGrant 'data/theirs'"


def test_a_reason_of_the_experiment_takes_no_use() -> None:
    said = {"inputs": ["train", "final"], "of": ["Objects"], "reason": "a calendar"}
    data = [
        {"name": each.name, "pinRef": {"name": each.name}, "role": each.role} for each in INPUTS
    ]
    scope = scope_of((grant(),), datasets=data, allowOverlap=[said])
    assert overlap_grants(scope, bound(), INPUTS, SAME_FILES) == ()


def test_before_anybody_compares_it_is_said_what_a_grant_may_let_them_share() -> None:
    scope = scope_of((grant(of=("Objects", "Time")),))
    (found,) = possible_overlaps(scope, bound(), INPUTS)
    assert (found.inputs, found.of) == (("train", "final"), ("Objects",))
    rows = leakage_sheet(INPUTS, (found,), Overlap(), stages=())
    assert all(not row.allowed_because for row in rows)
    assert possible_overlaps(scope_of((grant(overlap=None),)), bound(), INPUTS) == ()


def test_a_grant_is_recorded_once_for_all_that_it_lets_an_input_share() -> None:
    def of(name: str, *shared: str) -> InputGrant:
        made = looked_for(grant(name))[0].grant
        return made.model_copy(update={"overlap_with": shared})

    entries = tuple(
        InputStatus(name=name, kind="DatasetPin", digest=TEST) for name in ("train", "final")
    )
    granted = [("final", of("a", "train")), ("final", of("a", "more")), ("final", of("b", "train"))]
    train, final = with_overlap(entries, granted)
    assert train == entries[0]
    assert [(each.grant_ref, each.overlap_with) for each in final.grants] == [
        ("data/a", ("more", "train")),
        ("data/b", ("train",)),
    ]
    assert final.reading_grants == ()


@pytest.mark.parametrize(
    ("rule", "cure"),
    [
        pytest.param(
            "WithGrant",
            "pin data that are apart, or ask the owner of DatasetPin 'data/final' (input `final`)"
            " for an AccessGrant with `spec.overlap` (`withRoles: [train]`, `of: [Objects]`)",
            id="a grant alone",
        ),
        pytest.param("Never", "pin data that are apart", id="nothing"),
    ],
)
def test_a_profile_says_who_may_let_them_share(rule: Any, cure: str) -> None:
    with pytest.raises(Refused) as refused:
        leakage_sheet(INPUTS, (), SAME_FILES, stages=(), rule=rule)
    assert refused.value.message.endswith(f": {cure}")
    profile: Any = SimpleNamespace(
        name="p", spec=SimpleNamespace(leakage=SimpleNamespace(overlap=rule))
    )
    check_overlap_allowed(profile, ())
    said = AllowedOverlap(inputs=("train", "final"), of=("Objects",), reason="x")
    with pytest.raises(Refused, match=f"overlap: {rule}"):
        check_overlap_allowed(profile, (said,))
