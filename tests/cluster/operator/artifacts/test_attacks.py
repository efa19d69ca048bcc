"""Whatever is tried with real credentials, each artifact version can be read as it was written."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cluster.operator.artifacts.by_administrators import BY_ADMINISTRATORS, AdministratorAttack
from cluster.operator.artifacts.on_own_artifacts import ON_OWN_ARTIFACTS
from cluster.operator.artifacts.on_the_neighbour import ON_THE_NEIGHBOUR
from cluster.operator.artifacts.on_the_store import ON_THE_STORE
from cluster.operator.artifacts.scene import Attack, Scene, status

ATTACKS = (*ON_OWN_ARTIFACTS, *ON_THE_NEIGHBOUR, *ON_THE_STORE)
ADMINISTRATORS = ("operator", "admin")
PAGE = Path(__file__).parents[4] / "docs" / "explanation" / "artifacts.md"
HEADER = "\n| attack | answer | why |\n|---|---|---|\n"


@pytest.mark.parametrize("table", [ATTACKS, BY_ADMINISTRATORS], ids=["runs", "administrators"])
def test_every_attack_has_a_name_of_its_own(
    table: tuple[Attack | AdministratorAttack, ...],
) -> None:
    assert [
        name for name, times in Counter(attack.name for attack in table).items() if times > 1
    ] == []


def test_the_page_tells_every_attack_with_its_answer() -> None:
    tables = (ON_OWN_ARTIFACTS, ON_THE_NEIGHBOUR, ON_THE_STORE, BY_ADMINISTRATORS)
    expected = [
        [f"| `{attack.name}` | {attack.answer} | {attack.why} |" for attack in table]
        for table in tables
    ]
    assert [
        part.split("\n\n")[0].splitlines() for part in PAGE.read_text().split(HEADER)[1:]
    ] == expected


def test_what_is_lost_would_be_told(scene: Scene) -> None:
    first = scene.recorded[0]
    lies = [
        replace(first, sha256="0" * 64),
        replace(first, size=first.size + 1),
        replace(first, until=first.until + timedelta(days=1)),
        replace(first, version_id=scene.recorded[-1].version_id),
        replace(first, key=f"{first.key}.gone"),
    ]
    assert len(replace(scene, recorded=lies).lost()) == len(lies)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param({"Errors": [{"Code": "AccessDenied"}]}, 403, id="every key was refused"),
        pytest.param(
            {"Errors": [{"Code": "AccessDenied"}], "Deleted": [{"Key": "a"}]}, 207, id="one went"
        ),
        pytest.param({"Errors": [{"Code": "InternalError"}]}, 400, id="nothing was refused"),
    ],
)
def test_a_batch_of_which_some_went_is_no_refusal(answer: dict[str, Any], expected: int) -> None:
    whole = {**answer, "ResponseMetadata": {"HTTPStatusCode": 200}}
    assert status(lambda: whole) == expected


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_a_run_destroys_nothing_and_reaches_nothing_that_is_not_its_own(
    scene: Scene, attack: Attack
) -> None:
    markers = scene.markers()
    assert attack.make(scene) == attack.answer, attack.why
    assert scene.lost() == []
    assert scene.markers() == markers, "nor does it hide anything"
    assert scene.still_writes()


@pytest.mark.parametrize("who", ADMINISTRATORS)
@pytest.mark.parametrize("attack", BY_ADMINISTRATORS, ids=lambda attack: attack.name)
def test_nobody_deletes_or_shortens_what_is_locked(
    scene: Scene, attack: AdministratorAttack, who: str
) -> None:
    assert attack.make(scene, getattr(scene, who)) == attack.answer, attack.why
    assert scene.lost() == []


def test_all_attacks_one_after_the_other_lose_no_byte(scene: Scene) -> None:
    for attack in ATTACKS:
        attack.make(scene)
    for administrator in BY_ADMINISTRATORS:
        for who in ADMINISTRATORS:
            administrator.make(scene, getattr(scene, who))
    assert scene.lost(every_byte=True) == []
    assert scene.still_writes()
