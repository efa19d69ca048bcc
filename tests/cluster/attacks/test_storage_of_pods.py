"""The claims of a tenant's pods ask for storage that only a profile offers.

They are made by a controller, after the pod: it is their quota that counts them.
"""

from __future__ import annotations

from cluster.attacks.identities import TENANT
from cluster.attacks.stage import Stage
from cluster.guards import objects
from support.api import path_of
from support.waiting import eventually


def test_a_pod_gets_no_storage_that_the_profile_does_not_offer(stage: Stage) -> None:
    tenant, pods = TENANT.of(stage.api), path_of("v1", "pods", namespace=stage.own)
    claim = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "500Ti"}},
        "storageClassName": "scratch",
    }
    volumes = [{"name": "v", "ephemeral": {"volumeClaimTemplate": {"spec": claim}}}]
    tenant.create(pods, objects.pod(stage.own, "hoarding", volumes=volumes))
    try:

        def refused() -> str | None:
            events = stage.api.list(
                path_of("v1", "events", namespace=stage.own),
                fieldSelector="involvedObject.name=hoarding",
            )
            said = (event["message"] for event in events)
            return next((each for each in said if "exceeded quota" in each), None)

        words = eventually(refused, what="the claim is refused")
        assert "requested: requests.storage=500Ti" in words
        assert "limited: requests.storage=0" in words
        claims = path_of("v1", "persistentvolumeclaims", namespace=stage.own)
        assert stage.api.list(claims) == []
    finally:
        tenant.delete(f"{pods}/hoarding")
