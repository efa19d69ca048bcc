"""Resource x verb x who x where: exactly what the committed lists say."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import pytest

from cluster.attacks import listing
from cluster.attacks.identities import IDENTITIES, NOBODY, TEAM, Actor, Identity
from cluster.attacks.stage import Stage, bind
from support import rights
from support.rights import Cell, Offer, Who

WRITE: Final = os.environ.get("GLOVEBOX_GOLDEN") == "write"
AUTHENTICATED: Final = IDENTITIES[0]


@dataclass
class Matrix:
    """The questions, and the answers to what anybody may do, each asked once."""

    stage: Stage
    offer: Offer

    @cached_property
    def questions(self) -> list[Cell]:
        """Every question."""
        return [
            cell for namespace in self.stage.places.values() for cell in self.offer.cells(namespace)
        ]

    @cached_property
    def anybodys(self) -> set[Cell]:
        """What every authenticated user may do."""
        return rights.allowed(self.stage.api, NOBODY.who(), self.questions)

    def rights_of(self, identity: Identity) -> set[Cell]:
        """Return what an identity may do beyond any authenticated user."""
        if identity == AUTHENTICATED:
            return self.anybodys
        who = self.stage.actor(identity.name).who()
        return self.beyond(identity, rights.allowed(self.stage.api, who, self.questions))

    def listed_for(self, identity: Identity) -> set[Cell]:
        """Return what the list of an identity allows beyond any authenticated user."""
        listed = listing.read(identity, self.stage.places, self.questions)
        return listed if identity == AUTHENTICATED else self.beyond(identity, listed)

    def beyond(self, identity: Identity, cells: set[Cell]) -> set[Cell]:
        """Leave out what every authenticated user may do, of an identity that is one."""
        who = self.stage.actor(identity.name).who()
        return cells - self.anybodys if "system:authenticated" in who.groups else cells


@pytest.fixture(scope="module")
def matrix(stage: Stage) -> Matrix:
    return Matrix(stage, rights.discover(stage.api))


def test_nothing_that_matters_is_missing_from_the_questions(matrix: Matrix) -> None:
    asked = {(cell.resource, cell.verb) for cell in matrix.questions}
    dangerous = {
        ("core/pods/ephemeralcontainers", "patch"),
        ("core/pods/exec", "get"),  # enough to enter, by a web socket
        ("core/pods/resize", "patch"),
        ("core/serviceaccounts/token", "create"),
        ("core/namespaces/finalize", "update"),
        ("core/nodes/proxy", "get"),
        ("core/secrets", "list"),
        ("core/pods", "deletecollection"),
        ("discovery.k8s.io/endpointslices", "create"),
        ("certificates.k8s.io/certificatesigningrequests/approval", "update"),
        ("certificates.k8s.io/signers", "approve"),
        ("admissionregistration.k8s.io/validatingadmissionpolicybindings", "delete"),
        ("glovebox.dev/experiments/status", "patch"),
        ("core/users", "impersonate"),
        ("rbac.authorization.k8s.io/clusterroles", "escalate"),
    }
    assert dangerous - asked == set()
    assert len(matrix.questions) > 1500
    assert (
        Cell("", "rbac.authorization.k8s.io/clusterroles", "bind", "glovebox-tenant")
        in matrix.questions
    )


@pytest.mark.timeout(400)  # thousands of questions, one by one
@pytest.mark.parametrize("identity", IDENTITIES, ids=lambda identity: identity.name)
def test_who_may_do_what_is_exactly_what_is_listed(matrix: Matrix, identity: Identity) -> None:
    places = matrix.stage.places
    actual = matrix.rights_of(identity)
    if WRITE:
        listing.write(identity, places, actual)
    found = listing.differences(actual, matrix.listed_for(identity), places)
    assert not found, "\n".join([f"{identity.name}: {identity.meaning}", *found, listing.CURE])


def test_every_list_belongs_to_somebody() -> None:
    assert sorted(path.stem for path in listing.FOLDER.glob("*.yaml")) == sorted(
        identity.name for identity in IDENTITIES
    )


def test_one_right_more_and_one_right_less_are_both_told(matrix: Matrix) -> None:
    """The comparison itself, on a real right that comes and goes."""
    stage, places = matrix.stage, matrix.stage.places
    questions = list(matrix.offer.cells(TEAM))
    experimenter = next(identity for identity in IDENTITIES if identity.name == "experimenter")
    who = Who("walter", ("system:authenticated",))
    listed = {
        cell for cell in listing.read(experimenter, places, questions) if cell.namespace == TEAM
    }
    binding = bind(stage.api, TEAM, "glovebox-viewer", Actor(who.user))
    try:
        may = rights.allowed(stage.api, who, questions) - matrix.anybodys
    finally:
        stage.api.delete(binding)
    assert "listed and not allowed: delete glovebox.dev/experiments in team" in listing.differences(
        may, listed, places
    )
    assert "allowed and not listed: list glovebox.dev/datasetpins in team" in listing.differences(
        may, set(), places
    )
