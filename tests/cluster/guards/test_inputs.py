"""Inputs can only be read.

Whatever container it is, only the fetcher writes their volume or holds their credentials.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml

from cluster.guards import objects
from cluster.guards.actors import (
    BREAK_GLASS,
    CLUSTER_ADMIN,
    EVERYBODY,
    NAMESPACE_ADMIN,
    OPERATOR,
    Actor,
    Answer,
    Kubectl,
    expect_admitted,
)
from support.stages import jobs_of

SPACE = "gbx-flights-inputs-abcdefghij"
PLATFORM = "registry.example/glovebox@sha256:" + "e" * 64
DATA_IMAGE = "registry.example/data@sha256:" + "d" * 64
COMMAND = ["python", "-m", "glovebox.jobs.fetch"]
VOLUME = {"name": "glovebox-inputs", "emptyDir": {}}
PLAN = {"name": "plan", "configMap": {"name": "glovebox-inputs"}}
# What a container that runs before the fetcher may have filled.
SCRATCH = {"name": "scratch", "emptyDir": {}}
SECRET = {"name": "keys", "secret": {"secretName": "glovebox-inputs-credentials"}}
PROJECTED = {
    "name": "keys",
    "projected": {"sources": [{"secret": {"name": "glovebox-inputs-credentials"}}]},
}
RUNS = Path(__file__).parents[2] / "golden" / "run"
READ_ONLY = "must mount the volume 'glovebox-inputs' with `readOnly: true`"
FETCHER_ALONE = "must not use Secret 'glovebox-inputs-credentials', which is for the fetcher alone"


@pytest.fixture(scope="package")
def inputs(experiments: Kubectl) -> Kubectl:
    kubectl = experiments
    walls = [thing for thing in objects.walls(SPACE) if thing["kind"] != "ConfigMap"]
    snapshot = objects.snapshot(SPACE, f"{objects.IMAGE}\n{PLATFORM}")
    snapshot["data"]["platformImage"] = PLATFORM
    snapshot["data"]["inputImages"] = DATA_IMAGE
    expect_admitted(kubectl.create(OPERATOR, objects.namespace(SPACE), dry_run=False))
    expect_admitted(kubectl.create(OPERATOR, objects.together(*walls, snapshot), dry_run=False))
    admin = objects.role_binding(SPACE, "admins", "admin", NAMESPACE_ADMIN.user)
    expect_admitted(kubectl.create(BREAK_GLASS, admin, dry_run=False))
    return kubectl


KEYS_MOUNT = {"name": "keys", "mountPath": "/var/run/glovebox/inputs", "readOnly": True}
PLAN_MOUNT = {"name": "plan", "mountPath": "/etc/glovebox/inputs", "readOnly": True}
TMP_MOUNT = {"name": "scratch", "mountPath": "/tmp"}  # noqa: S108 - a path in the pod
FETCHER_MOUNTS = [
    {"name": "glovebox-inputs", "mountPath": "/inputs"},
    KEYS_MOUNT,
    PLAN_MOUNT,
    TMP_MOUNT,
]
INDEX = "metadata.labels['batch.kubernetes.io/job-completion-index']"
SHOW_KEYS = {"exec": {"command": ["sh", "-c", "cat /var/run/glovebox/inputs/*"]}}


def fetcher(*mounts: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return the fetcher; mounts are further ones."""
    return (
        objects.container(PLATFORM, name="fetch")
        | {"command": COMMAND, "volumeMounts": [*FETCHER_MOUNTS, *mounts]}
        | changes
    )


def reader(*mounts: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return objects.container() | {"volumeMounts": list(mounts)} | changes


GOOD = reader({"name": "glovebox-inputs", "mountPath": "/inputs", "readOnly": True})


def pod(
    main: dict[str, Any] = GOOD,
    first: dict[str, Any] | None = None,
    secret: dict[str, Any] = SECRET,
) -> dict[str, Any]:
    return {
        "containers": [main],
        "initContainers": [first or fetcher()],
        "volumes": [VOLUME, PLAN, SCRATCH, secret],
    }


@pytest.mark.parametrize("actor", EVERYBODY)
def test_inputs_that_are_fetched_and_then_only_read_are_admitted(
    inputs: Kubectl, actor: Actor
) -> None:
    expect_admitted(inputs.create(actor, objects.pod(SPACE, **pod())))
    expect_admitted(inputs.create(actor, objects.job(SPACE, **pod())))


@pytest.mark.parametrize("actor", EVERYBODY)
def test_a_fetcher_may_be_told_which_worker_its_pod_is(inputs: Kubectl, actor: Actor) -> None:
    """The Job controller tells it to every container of an indexed Job."""
    number = {"name": "JOB_COMPLETION_INDEX", "valueFrom": {"fieldRef": {"fieldPath": INDEX}}}
    expect_admitted(inputs.create(actor, objects.pod(SPACE, **pod(first=fetcher(env=[number])))))


ATTACKS: dict[str, tuple[dict[str, Any], str]] = {
    "a fetcher with that variable, and another value in it": (
        pod(first=fetcher(env=[{"name": "JOB_COMPLETION_INDEX", "value": "x"}])),
        READ_ONLY,
    ),
    "a writable mount": (
        pod(reader({"name": "glovebox-inputs", "mountPath": "/inputs"})),
        READ_ONLY,
    ),
    "a second, writable mount beside the read-only one": (
        pod(
            reader(
                {"name": "glovebox-inputs", "mountPath": "/inputs", "readOnly": True},
                {"name": "glovebox-inputs", "mountPath": "/again"},
            )
        ),
        READ_ONLY,
    ),
    "a writable mount of a part": (
        pod(reader({"name": "glovebox-inputs", "mountPath": "/inputs", "subPath": "train"})),
        READ_ONLY,
    ),
    "the credentials as a volume": (
        pod(reader({"name": "keys", "mountPath": "/keys", "readOnly": True})),
        FETCHER_ALONE,
    ),
    "the credentials in a projected volume": (
        pod(
            reader({"name": "keys", "mountPath": "/keys", "readOnly": True}),
            fetcher(volumeMounts=FETCHER_MOUNTS[:1]),
            PROJECTED,
        ),
        FETCHER_ALONE,
    ),
    "the credentials in a variable": (
        pod(
            reader(
                env=[
                    {
                        "name": "K",
                        "valueFrom": {
                            "secretKeyRef": {
                                "name": "glovebox-inputs-credentials",
                                "key": "primary.credentials",
                            }
                        },
                    }
                ]
            )
        ),
        FETCHER_ALONE,
    ),
    "all credentials as variables": (
        pod(reader(envFrom=[{"secretRef": {"name": "glovebox-inputs-credentials"}}])),
        FETCHER_ALONE,
    ),
    "a fetcher with another command": (
        pod(first=fetcher(command=["sh", "-c", "cat /keys/*"])),
        READ_ONLY,
    ),
    "a fetcher with arguments": (pod(first=fetcher(args=["x"])), READ_ONLY),
    "a fetcher with variables of its own": (
        pod(first=fetcher(env=[{"name": "PYTHONPATH", "value": "/inputs"}])),
        READ_ONLY,
    ),
    "a fetcher of another name, which one may enter": (
        pod(first=fetcher(name="loader")),
        READ_ONLY,
    ),
    "the fetcher's command in another image": (pod(first=fetcher(image=objects.IMAGE)), READ_ONLY),
    "the fetcher's image as the run itself": (
        {"containers": [fetcher()], "volumes": [VOLUME, PLAN, SCRATCH, SECRET]},
        READ_ONLY,
    ),
    # Whatever else makes another program of it, or lets somebody look into it while it holds the
    # credentials.
    "a fetcher that starts in a folder of somebody's": (
        pod(first=fetcher(workingDir="/datasets/mine")),
        READ_ONLY,
    ),
    "a fetcher whose program was mounted over": (
        pod(first=fetcher({"name": "scratch", "mountPath": "/opt/glovebox"})),
        READ_ONLY,
    ),
    "a fetcher whose program was mounted over, by a detour": (
        pod(first=fetcher({"name": "scratch", "mountPath": "/datasets/../opt/glovebox"})),
        READ_ONLY,
    ),
    "a fetcher with a plan of somebody's": (
        pod(
            first=fetcher(
                volumeMounts=[
                    *FETCHER_MOUNTS[:2],
                    {"name": "scratch", "mountPath": "/etc/glovebox/inputs"},
                ]
            )
        ),
        READ_ONLY,
    ),
    "a fetcher with credentials of somebody's beside its own": (pod(secret=PROJECTED), READ_ONLY),
    "a fetcher that goes on beside the others": (
        pod(first=fetcher(restartPolicy="Always")),
        READ_ONLY,
    ),
    "a fetcher whose last words hide a file": (
        pod(first=fetcher(terminationMessagePath="/opt/glovebox/bin/python")),
        READ_ONLY,
    ),
    "a fetcher whose processes the others see": (
        pod() | {"shareProcessNamespace": True},
        READ_ONLY,
    ),
}


CLAIM = {
    "name": "glovebox-input-train",
    "persistentVolumeClaim": {"claimName": "glovebox-input-train", "readOnly": True},
}
# What a claim is called in a pod is the pod's to say.
DISGUISED = {"name": "cheap", "persistentVolumeClaim": {"claimName": "glovebox-input-train"}}
IMAGE_VOLUME = {
    "name": "glovebox-input-train",
    "image": {"reference": DATA_IMAGE, "pullPolicy": "IfNotPresent"},
}
DATASET_READ_ONLY = "must mount the volume of a dataset with `readOnly: true`"
NO_INPUT = "an image may be mounted only where it is an input of the experiment"


def dataset(
    volume: dict[str, Any], *, main: bool = True, first: bool = True, **mount: Any
) -> dict[str, Any]:
    """Return a pod with a dataset's volume.

    `main` and `first` say whether the run and the fetcher mount it read-only.
    """
    name = volume["name"]

    def mounts(path: str, *, read_only: bool) -> dict[str, Any]:
        return {
            "name": name,
            "mountPath": path,
            **({"readOnly": True} if read_only else {}),
            **mount,
        }

    return {
        "containers": [reader(mounts("/inputs/train", read_only=main))],
        "initContainers": [
            fetcher(
                volumeMounts=[
                    {"name": "glovebox-inputs", "mountPath": "/inputs"},
                    PLAN_MOUNT,
                    mounts("/datasets/train", read_only=first),
                ]
            )
        ],
        "volumes": [VOLUME, PLAN, SCRATCH, volume],
    }


@pytest.mark.parametrize(
    "volume", [CLAIM, DISGUISED, IMAGE_VOLUME], ids=["claim", "claim by another name", "image"]
)
@pytest.mark.parametrize("actor", EVERYBODY)
def test_datasets_that_are_only_read_are_admitted(
    inputs: Kubectl, actor: Actor, volume: dict[str, Any]
) -> None:
    expect_admitted(inputs.create(actor, objects.pod(SPACE, **dataset(volume))))
    expect_admitted(inputs.create(actor, objects.job(SPACE, **dataset(volume))))


ATTACKS |= {
    "a dataset's claim, writable": (dataset(CLAIM, main=False), DATASET_READ_ONLY),
    "a dataset's claim, writable for the fetcher itself": (
        dataset(CLAIM, first=False),
        DATASET_READ_ONLY,
    ),
    "a dataset's claim under another name": (dataset(DISGUISED, main=False), DATASET_READ_ONLY),
    "a part of a dataset's claim, writable": (
        dataset(CLAIM, main=False, subPath="data"),
        DATASET_READ_ONLY,
    ),
    "a dataset's image, writable": (dataset(IMAGE_VOLUME, main=False), DATASET_READ_ONLY),
    "an image that is no input": (
        dataset({"name": "other", "image": {"reference": objects.IMAGE}}),
        NO_INPUT,
    ),
    "an input's image by its tag": (
        dataset({"name": "other", "image": {"reference": "registry.example/data:latest"}}),
        NO_INPUT,
    ),
    "a dataset as a device": (
        {
            "containers": [reader(volumeDevices=[{"name": "cheap", "devicePath": "/dev/x"}])],
            "volumes": [DISGUISED],
        },
        DATASET_READ_ONLY,
    ),
}


@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.parametrize("actor", EVERYBODY)
def test_every_other_way_to_the_inputs_is_refused(inputs: Kubectl, actor: Actor, name: str) -> None:
    spec, words = ATTACKS[name]
    expect_refused(inputs.create(actor, objects.pod(SPACE, **spec)), "glovebox-images", words)


@pytest.mark.parametrize(
    "case",
    [pytest.param(path, id=path.parent.name) for path in sorted(RUNS.glob("*/expected.yaml"))],
)
def test_the_run_that_the_code_renders_has_a_fetcher_that_is_known_as_one(
    inputs: Kubectl, case: Path
) -> None:
    """In every mode of delivery: the guards name its folders and volumes once more."""
    for job in jobs_of(yaml.safe_load(case.read_text())):
        job["metadata"]["namespace"] = SPACE
        expect_admitted(inputs.create(OPERATOR, with_known_images(job)))


def with_known_images(job: dict[str, Any]) -> dict[str, Any]:
    """Return a Job with the images that the snapshot of these tests knows."""
    template = job["spec"]["template"]["spec"]
    for container in template.get("initContainers", []):
        container["image"] = PLATFORM
    for container in template["containers"]:
        container["image"] = objects.IMAGE
        # What a quota counts of accelerators is another guard's.
        for amounts in container.get("resources", {}).values():
            for name in [name for name in amounts if "/" in name]:
                del amounts[name]
    for volume in template["volumes"]:
        if "image" in volume:
            volume["image"]["reference"] = DATA_IMAGE
    return job


@pytest.mark.parametrize(
    ("change", "field"),
    [
        pytest.param({"startupProbe": SHOW_KEYS}, "startupProbe", id="a startup probe"),
        pytest.param({"livenessProbe": SHOW_KEYS}, "livenessProbe", id="a liveness probe"),
        pytest.param({"readinessProbe": SHOW_KEYS}, "readinessProbe", id="a readiness probe"),
        pytest.param({"lifecycle": {"postStart": SHOW_KEYS}}, "lifecycle", id="a hook"),
    ],
)
@pytest.mark.parametrize("make", [objects.job, objects.pod])
def test_no_other_program_runs_in_a_fetcher(
    inputs: Kubectl, make: Any, change: dict[str, Any], field: str
) -> None:
    """Kubernetes refuses them on a container that ends before the next begins.

    The guard, with `restartPolicy: Always`, on one that goes on.
    """
    ending = inputs.create(CLUSTER_ADMIN, make(SPACE, **pod(first=fetcher(**change))))
    assert ending.code != 0
    assert f"initContainers[0].{field}: " in ending.err, ending.err
    staying = pod(first=fetcher(restartPolicy="Always", **change))
    policy = "glovebox-images" if make is objects.pod else "glovebox-job-images"
    expect_refused(inputs.create(CLUSTER_ADMIN, make(SPACE, **staying)), policy, READ_ONLY)


@pytest.mark.parametrize(
    "name",
    [
        "a writable mount",
        "the credentials as a volume",
        "a fetcher whose program was mounted over",
        "a dataset's image, writable",
        "an image that is no input",
    ],
)
def test_a_job_is_refused_itself(inputs: Kubectl, name: str) -> None:
    spec, words = ATTACKS[name]
    expect_refused(
        inputs.create(CLUSTER_ADMIN, objects.job(SPACE, **spec)), "glovebox-job-images", words
    )


def test_a_debug_container_mounts_a_dataset_read_only_or_not_at_all(inputs: Kubectl) -> None:
    name = f"held-{uuid4().hex[:8]}"
    expect_admitted(
        inputs.create(CLUSTER_ADMIN, objects.pod(SPACE, name, **dataset(CLAIM)), dry_run=False)
    )

    def debug(**mount: Any) -> Answer:
        container = objects.container(name="debug") | {
            "volumeMounts": [{"name": CLAIM["name"], "mountPath": "/d", **mount}]
        }
        patch = json.dumps({"spec": {"ephemeralContainers": [container]}})
        how = ("--subresource=ephemeralcontainers", "--type=strategic", "--dry-run=server")
        return inputs(
            CLUSTER_ADMIN, "patch", "pod", name, f"--namespace={SPACE}", f"--patch={patch}", *how
        )

    expect_refused(debug(), "glovebox-images", DATASET_READ_ONLY)
    expect_admitted(debug(readOnly=True))
    gone = ("delete", "pod", name, f"--namespace={SPACE}", "--wait=false")
    expect_admitted(inputs(CLUSTER_ADMIN, *gone))


@pytest.mark.parametrize("actor", EVERYBODY)
@pytest.mark.parametrize("make", [objects.job, objects.pod])
def test_nobody_forges_or_deletes_what_the_operator_runs(
    inputs: Kubectl, actor: Actor, make: Any
) -> None:
    run = make(SPACE, "glovebox-run")
    run["metadata"]["labels"] = {"app.kubernetes.io/managed-by": "glovebox"}
    expect_refused(
        inputs.create(actor, run), "glovebox-owned-objects", "only the Glovebox operator may create"
    )


def test_the_run_that_the_operator_made_cannot_be_taken_away(inputs: Kubectl) -> None:
    name = f"glovebox-run-{uuid4().hex[:8]}"
    run = objects.job(SPACE, name)
    run["metadata"]["labels"] = {"app.kubernetes.io/managed-by": "glovebox"}
    expect_admitted(inputs.create(OPERATOR, run, dry_run=False))
    for actor in (CLUSTER_ADMIN, NAMESPACE_ADMIN):
        answer = inputs(actor, "delete", f"job/{name}", f"--namespace={SPACE}", "--wait=false")
        expect_refused(answer, "glovebox-owned-objects", "only the Glovebox operator may delete")
        answer = inputs(
            actor,
            "label",
            f"job/{name}",
            f"--namespace={SPACE}",
            "app.kubernetes.io/managed-by-",
        )
        expect_refused(answer, "glovebox-owned-objects", "only the Glovebox operator may update")
    end = ("--cascade=background", "--wait=false")
    expect_admitted(inputs(OPERATOR, "delete", f"job/{name}", f"--namespace={SPACE}", *end))


def expect_refused(answer: Any, policy: str, words: str) -> None:
    assert answer.code != 0, answer
    assert policy in answer.err, answer.err
    assert words in answer.err, answer.err
