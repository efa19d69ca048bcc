"""Whatever is tried against artifacts with real credentials, each version that was written can be read as it was written."""

from __future__ import annotations

from collections import Counter

import pytest

from cluster.operator.artifacts.by_administrators import BY_ADMINISTRATORS, AdministratorAttack
from cluster.operator.artifacts.on_own_artifacts import ON_OWN_ARTIFACTS
from cluster.operator.artifacts.on_the_neighbour import ON_THE_NEIGHBOUR
from cluster.operator.artifacts.on_the_store import ON_THE_STORE
from cluster.operator.artifacts.scene import Attack, Scene

ATTACKS = (*ON_OWN_ARTIFACTS, *ON_THE_NEIGHBOUR, *ON_THE_STORE)
ADMINISTRATORS = ("operator", "admin")


def test_every_attack_has_a_name_of_its_own() -> None:
    assert [name for name, times in Counter(attack.name for attack in ATTACKS).items() if times > 1] == []


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_a_run_destroys_nothing_and_reaches_nothing_that_is_not_its_own(scene: Scene, attack: Attack) -> None:
    assert attack.make(scene) == attack.answer, attack.why
    assert scene.lost() == []
    assert scene.still_writes()


@pytest.mark.parametrize("who", ADMINISTRATORS)
@pytest.mark.parametrize("attack", BY_ADMINISTRATORS, ids=lambda attack: attack.name)
def test_nobody_deletes_or_shortens_what_is_locked(scene: Scene, attack: AdministratorAttack, who: str) -> None:
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
