"""Where a run goes and of what its scratch is: past the guards, and counted by the quota.

There is no node here. The claim of the pod's scratch is made by Kubernetes' own controller, and
removed by its garbage collector.
"""

from __future__ import annotations

import uuid
from typing import Any

from support.api import path_of
from support.operator_process import Team, experiment_spec, profile_spec
from support.waiting import eventually

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
TERMS = [{"matchExpressions": [{"key": "pool", "operator": "In", "values": ["gpu", "ml"]}]}]
SIZE = "10Gi"


def test_a_run_has_the_nodes_and_the_scratch_of_its_profile(platform: Team, team: Team) -> None:
    api, name = team.api, f"placed-{uuid.uuid4().hex[:8]}"
    storage = {"resource": "requests.storage", "default": SIZE, "maximum": SIZE}
    spec = profile_spec(
        run={"scratch": {"storageClassName": "fast"}},
        scheduling={"affinity": {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": TERMS}}}},
    )
    others = [each for each in spec["quota"] if each["resource"] != storage["resource"]]
    platform.declare("IsolationProfile", name, spec | {"quota": [*others, storage]})
    run = {"image": "trainer", "command": ["train"], "scratch": SIZE}
    team.declare("Experiment", "placed", experiment_spec(name, "primary", run=run))
    namespace = team.expect("Experiment", "placed", timeout=60)["status"]["namespace"]
    claims = path_of("v1", "persistentvolumeclaims", namespace=namespace)

    def of_run(kind: str) -> dict[str, Any] | None:
        found = api.list(path_of("v1", kind, namespace=namespace))
        return next(
            (each for each in found if each["metadata"]["name"].startswith("glovebox-run")), None
        )

    pod = eventually(lambda: of_run("pods"), what="the run has its pod, past the guards")
    assert pod["spec"]["affinity"] == {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": TERMS}}}
    claim = eventually(lambda: of_run("persistentvolumeclaims"), what="the pod has its claim")
    (owner,) = claim["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"]) == ("Pod", pod["metadata"]["uid"])
    assert claim["spec"]["storageClassName"] == "fast"

    quota = path_of("v1", "resourcequotas", namespace=namespace, name="glovebox-quota")
    eventually(
        lambda: api.get(quota)["status"]["used"].get("requests.storage") == SIZE,
        what="it counts",
    )
    assert api.get(quota)["status"]["hard"]["requests.storage"] == SIZE
    team.expect("Experiment", "placed", "Succeeded", "Unknown", "Unschedulable")

    # The namespace is frozen and stays, the run is stopped, and the volume goes with its pod.
    api.delete(team.path("Experiment", "placed"))
    eventually(lambda: not api.list(claims), what="the claim goes with its pod", timeout=60)
