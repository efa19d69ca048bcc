"""Where a run goes, and of what its scratch is, is bound with the profile."""

from __future__ import annotations

from typing import Any

from glovebox import names
from glovebox.api import reasons
from glovebox.kube.kinds import EXPERIMENT, ISOLATION_PROFILE, JOB_SET, RESOURCE_QUOTA
from simulation.stage import Stage, play
from simulation.test_ends import MINUTE
from simulation.world import TEAM, profile_spec

Json = dict[str, Any]
STORAGE: Json = {"resource": "requests.storage", "default": "0", "maximum": "100Gi"}
SPREAD: Json = {"topologyKey": "rack", "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule"}
PROFILE: Json = {
    "quota": [*profile_spec()["quota"], STORAGE],
    "run": {"scratch": {"storageClassName": "fast"}},
    "scheduling": {"topologySpreadConstraints": [SPREAD]},
}
WORKERS: Json = {
    "name": "fit",
    "image": "trainer",
    "command": ["work"],
    "workers": 2,
    "scratch": "10Gi",
}


def pod(stage: Stage, namespace: str) -> Json:
    (run,) = stage.world.server.everything(JOB_SET, namespace)
    (fit,) = run["spec"]["replicatedJobs"]
    spec: Json = fit["template"]["spec"]["template"]["spec"]
    return spec


def test_scratch_without_room_is_refused_and_what_was_bound_stays() -> None:
    async def scene(stage: Stage) -> None:
        stage.world.actors.run_ends = lambda _: (3600.0, True)
        stage.declare(stages=[WORKERS])
        await stage.until(
            "it is refused",
            lambda: stage.condition("Ready").get("reason") == reasons.RUN_OUT_OF_RANGE,
        )
        assert "need 20Gi" in stage.condition("Ready")["message"]
        assert "namespace" not in stage.status(), "nothing of it exists"
        cure: Json = {"spec": {"resources": {"quota": {"requests.storage": "20Gi"}}}}
        assert stage.world.edit(EXPERIMENT, TEAM, "x", cure)
        namespace = await stage.provisioned()
        await stage.until("it runs", lambda: stage.there(JOB_SET, namespace, names.RUN_JOB))
        (spread,) = pod(stage, namespace)["topologySpreadConstraints"]
        assert spread == SPREAD | {"labelSelector": {"matchLabels": {names.LABEL_STAGE: "fit"}}}
        digest = stage.status()["digest"]

        slow: Json = {"scratch": {"storageClassName": "slow"}}
        edit: Json = {"spec": {"run": slow, "scheduling": None}}
        assert stage.world.edit(ISOLATION_PROFILE, None, "standard", edit)
        await stage.until(
            "it is reported",
            lambda: stage.condition("PlatformChanged").get("status") == "True",
        )
        assert "`run`, `scheduling`" in stage.condition("PlatformChanged")["message"]
        await stage.sleep(10 * MINUTE)
        assert stage.status()["digest"] == digest
        (tmp,) = [each for each in pod(stage, namespace)["volumes"] if each["name"] == "tmp"]
        claim = tmp["ephemeral"]["volumeClaimTemplate"]["spec"]
        assert (claim["storageClassName"], claim["resources"]["requests"]["storage"]) == (
            "fast",
            "10Gi",
        )
        (quota,) = stage.world.server.everything(RESOURCE_QUOTA, namespace)
        assert quota["spec"]["hard"]["requests.storage"] == "20Gi"
        assert quota["spec"]["hard"]["persistentvolumeclaims"] == "12"

    play(scene, profile=PROFILE)
