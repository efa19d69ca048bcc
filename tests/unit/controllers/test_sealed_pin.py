"""Which seal a pin is of follows from the Experiment once, and from the pin's own record after."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.dataset_pin import DatasetPin
from glovebox.api.object_store import ObjectStore
from glovebox.controllers import sealed_pin
from glovebox.controllers.ports import Ports
from glovebox.errors import InvalidInput, NotReady
from glovebox.evidence.keys import TrustBundle
from glovebox.kube.resources import Key
from glovebox.store.sealed_artifacts import SealToRead

Json = dict[str, Any]
DIGEST = "sha256:" + "a" * 64
TRUST = TrustBundle(())
EXPERIMENT: Json = {
    "metadata": {"name": "build", "namespace": "team", "uid": "live"},
    "spec": {"artifacts": {"storeRef": {"name": "primary"}}},
    "status": {"run": {"outcome": "Succeeded"}, "seal": {"uri": "s3://results/x"}},
}


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    async def published(_: Ports) -> TrustBundle:
        return TRUST

    monkeypatch.setattr(sealed_pin, "read_published", published)


def pin(bound: Json | None = None, **reference: Any) -> DatasetPin:
    return DatasetPin.model_validate(
        {
            "apiVersion": "glovebox.dev/v1alpha1",
            "kind": "DatasetPin",
            "metadata": {"name": "built", "namespace": "team", "uid": "p"},
            "spec": {
                "storeRef": {"name": "primary"},
                "source": {"experimentRef": {"name": "build", **reference}},
            },
            "status": {"derived": bound} if bound is not None else {},
        }
    )


def asked(wanted: DatasetPin, live: Json | None, *, locked: bool = True) -> SealToRead:
    key = Key("Experiment", "team", "build")
    objects = {key: live} if live is not None else {}
    ports = cast("Ports", SimpleNamespace(resources=objects))
    proven = SimpleNamespace(is_true=locked)
    store = SimpleNamespace(
        name="primary",
        spec=SimpleNamespace(artifacts=SimpleNamespace(bucket="results")),
        status=SimpleNamespace(condition={types.LOCK_PROVEN: proven}.get),
    )
    found = asyncio.run(sealed_pin.seal_to_read(ports, wanted, cast("ObjectStore", store)))
    assert found is not None
    return found


def changed(**changes: Json) -> Json:
    return EXPERIMENT | {name: {**EXPERIMENT[name], **change} for name, change in changes.items()}


@pytest.mark.parametrize(
    ("wanted", "live", "uid"),
    [
        pytest.param(pin(), EXPERIMENT, "live", id="of the Experiment"),
        pytest.param(
            pin(), changed(spec={"adopts": "former"}), "former", id="of the one that it took over"
        ),
        pytest.param(pin(uid="gone"), None, "gone", id="of one that is gone"),
        pytest.param(pin(uid="gone"), EXPERIMENT, "gone", id="and has a successor"),
        pytest.param(
            pin(uid="former"),
            changed(spec={"adopts": "former"}),
            "former",
            id="of the one that was taken over, by its UID",
        ),
        pytest.param(
            pin({"experiment": "team/build", "uid": "bound"}), EXPERIMENT, "bound", id="as recorded"
        ),
        pytest.param(
            pin({"experiment": "team/build", "uid": "bound"}), None, "bound", id="and it is gone"
        ),
    ],
)
def test_the_seal_is_found_by_one_uid(wanted: DatasetPin, live: Json | None, uid: str) -> None:
    found = asked(wanted, live)
    assert (found.uid, found.experiment, found.bucket) == (uid, "team/build", "results")


def test_what_the_pin_says_goes_into_the_question() -> None:
    found = asked(pin(digest=DIGEST, prefix="features/"), EXPERIMENT, locked=False)
    assert found == SealToRead(
        "results", "team/build", "live", DIGEST, "features/", TRUST, locked=False
    )


@pytest.mark.parametrize(
    ("wanted", "live", "version"),
    [
        pytest.param(pin(), EXPERIMENT, "", id="nothing says"),
        pytest.param(
            pin(), changed(status={"seal": {"attestationVersion": "v2"}}), "v2", id="its status"
        ),
        pytest.param(
            pin({"experiment": "team/build", "uid": "live", "sealVersion": "v1"}),
            changed(status={"seal": {"attestationVersion": "v2"}}),
            "v1",
            id="the pin itself, which has verified it",
        ),
        pytest.param(
            pin(uid="gone"),
            changed(status={"seal": {"attestationVersion": "v2"}}),
            "",
            id="not that of a successor",
        ),
        pytest.param(
            pin(uid="former"),
            changed(spec={"adopts": "former"}, status={"seal": {"attestationVersion": "v2"}}),
            "v2",
            id="that of who took it over",
        ),
    ],
)
def test_the_version_of_the_seal_is_what_is_on_record(
    wanted: DatasetPin, live: Json, version: str
) -> None:
    assert asked(wanted, live).version == version


@pytest.mark.parametrize(
    ("live", "reason"),
    [
        pytest.param(None, reasons.EXPERIMENT_NOT_FOUND, id="not there"),
        pytest.param(changed(status={"seal": None}), reasons.EXPERIMENT_NOT_SEALED, id="no seal"),
        pytest.param(
            changed(status={"run": {"outcome": "Failed"}}), reasons.EXPERIMENT_FAILED, id="failed"
        ),
        pytest.param(
            changed(spec={"artifacts": {"storeRef": {"name": "other"}}}),
            reasons.SEAL_ELSEWHERE,
            id="in another store",
        ),
    ],
)
def test_what_cannot_be_pinned_from_is_told(live: Json | None, reason: str) -> None:
    with pytest.raises((NotReady, InvalidInput)) as caught:
        asked(pin(), live)
    assert caught.value.reason == reason
    assert "`spec.source.experimentRef`" in caught.value.message
