"""The Job of a task: what it runs, what it mounts, and which Jobs are taken for it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from glovebox import names
from glovebox.desired.quantity import parse as parse_quantity
from glovebox.desired.task_job import TaskJob, asks_the_same, is_ours, task_job
from glovebox.settings import TaskPod
from glovebox.store.sources import MAX_MANIFEST_BYTES

JOB = TaskJob(
    name="glovebox-task-abcdefghij",
    namespace="glovebox-system",
    image="registry.example/glovebox@sha256:" + "e" * 64,
    owner="DatasetPin/team/rows",
    owner_uid="0d6a",
    task="hash",
    address='{"request":"sha256:aa"}',
    secrets=("store-keys", "other-keys"),
)
Change = Callable[[dict[str, Any]], None]


def live() -> dict[str, Any]:
    """Return the Job as the API server keeps it, with its defaults."""
    made = copy.deepcopy(task_job(JOB))
    made["metadata"]["uid"] = "1"
    made["spec"] |= {"parallelism": 1, "completions": 1, "suspend": False}
    pod = made["spec"]["template"]["spec"]
    pod |= {"dnsPolicy": "ClusterFirst", "schedulerName": "default-scheduler"}
    pod["containers"][0]["terminationMessagePath"] = "/dev/termination-log"
    pod["containers"][0]["env"][1]["valueFrom"]["fieldRef"]["apiVersion"] = "v1"
    return made


def test_one_pod_tried_once_with_limits_and_no_token() -> None:
    spec = task_job(JOB)["spec"]
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    assert (spec["backoffLimit"], pod["restartPolicy"]) == (0, "Never")
    assert pod["automountServiceAccountToken"] is False
    assert "serviceAccountName" not in pod
    assert set(container["resources"]["limits"]) == {"cpu", "memory", "ephemeral-storage"}
    assert container["command"] == ["python", "-m", "glovebox.jobs.task"]
    assert container["env"] == [
        {"name": "GLOVEBOX_TASK", "value": JOB.address},
        {
            "name": "GLOVEBOX_JOB_UID",
            "valueFrom": {
                "fieldRef": {"fieldPath": "metadata.labels['batch.kubernetes.io/controller-uid']"}
            },
        },
    ]


def test_a_manifest_of_the_greatest_size_fits_beside_the_one_that_is_written() -> None:
    pod = task_job(JOB)["spec"]["template"]["spec"]
    [tmp] = [volume["emptyDir"] for volume in pod["volumes"] if volume["name"] == "tmp"]
    assert "medium" not in tmp, "it would be memory"
    size = parse_quantity(tmp["sizeLimit"])
    assert size >= 2 * MAX_MANIFEST_BYTES
    limits = pod["containers"][0]["resources"]["limits"]
    assert parse_quantity(limits["ephemeral-storage"]) > size


SHARED = TaskPod.model_validate(
    {
        "env": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
        "imagePullSecrets": [{"name": "registry"}],
        "nodeSelector": {"pool": "platform"},
        "tolerations": [{"key": "platform", "operator": "Exists"}],
    }
)


def test_its_pod_runs_where_the_operator_runs_and_reaches_what_that_reaches() -> None:
    made = task_job(replace(JOB, shared=SHARED))
    pod = made["spec"]["template"]["spec"]
    assert pod["imagePullSecrets"] == [{"name": "registry"}]
    assert pod["nodeSelector"] == {"pool": "platform"}
    assert pod["tolerations"] == [{"key": "platform", "operator": "Exists"}]
    names_of = [entry["name"] for entry in pod["containers"][0]["env"]]
    assert names_of == ["HTTPS_PROXY", "GLOVEBOX_TASK", "GLOVEBOX_JOB_UID"], "ours count"
    assert not asks_the_same(live(), replace(JOB, shared=SHARED)), "it ran elsewhere"
    assert asks_the_same(made, replace(JOB, shared=SHARED))


def test_it_makes_spans_where_somebody_wants_them_and_is_the_same_job_without() -> None:
    parent = f"00-{'1' * 32}-{'2' * 16}-01"
    seen = replace(JOB, traces="http://collector:4318/$(x)", traceparent=parent)
    [container] = task_job(seen)["spec"]["template"]["spec"]["containers"]
    assert container["env"][2:] == [
        {"name": "GLOVEBOX_TRACES_ENDPOINT", "value": "http://collector:4318/$$(x)"},
        {"name": "TRACEPARENT", "value": parent},
    ]
    for untold in (replace(seen, traces=""), replace(seen, traceparent="")):
        assert task_job(untold) == task_job(JOB)
    again = replace(seen, traceparent=f"00-{'3' * 32}-{'4' * 16}-01")
    for asked in (JOB, seen, again):
        assert asks_the_same(task_job(seen), asked), "a process that starts goes on with it"
    other = replace(seen, address="{}")
    assert not asks_the_same(task_job(seen), other)


def test_it_mounts_the_keys_of_its_stores_and_no_other_secret() -> None:
    pod = task_job(JOB)["spec"]["template"]["spec"]
    secrets = {
        volume["name"]: volume["secret"]["secretName"]
        for volume in pod["volumes"]
        if "secret" in volume
    }
    assert secrets == {"store-0": "store-keys", "store-1": "other-keys"}
    mounts = {mount["name"]: mount for mount in pod["containers"][0]["volumeMounts"]}
    for name in secrets:
        assert mounts[name]["mountPath"] == f"/var/run/glovebox/stores/{name}"
        assert mounts[name]["readOnly"] is True
    assert [volume["name"] for volume in pod["volumes"] if "secret" not in volume] == ["tmp"]


def test_the_job_as_the_api_server_keeps_it_is_ours_and_asks_the_same() -> None:
    assert is_ours(live(), JOB)
    assert asks_the_same(live(), JOB)


def _label(obj: dict[str, Any]) -> None:
    del obj["metadata"]["labels"][names.LABEL_MANAGED_BY]


def _other_task(obj: dict[str, Any]) -> None:
    obj["metadata"]["labels"][names.LABEL_TASK] = "glovebox-task-other"


def _other_owner(obj: dict[str, Any]) -> None:
    obj["metadata"]["annotations"][names.ANNOTATION_OWNER_UID] = "another"


def _bare(obj: dict[str, Any]) -> None:
    obj["metadata"] = {"name": JOB.name, "namespace": JOB.namespace}


@pytest.mark.parametrize("change", [_label, _other_task, _other_owner, _bare])
def test_a_job_of_somebody_else_is_not_ours(change: Change) -> None:
    obj = live()
    change(obj)
    assert not is_ours(obj, JOB)


def _container(obj: dict[str, Any]) -> dict[str, Any]:
    container: dict[str, Any] = obj["spec"]["template"]["spec"]["containers"][0]
    return container


def _image(obj: dict[str, Any]) -> None:
    _container(obj)["image"] = "registry.example/glovebox@sha256:" + "f" * 64


def _request(obj: dict[str, Any]) -> None:
    _container(obj)["env"][0]["value"] = '{"request":"sha256:bb"}'


def _second_container(obj: dict[str, Any]) -> None:
    obj["spec"]["template"]["spec"]["containers"].append({"name": "x"})


def _init_container(obj: dict[str, Any]) -> None:
    obj["spec"]["template"]["spec"]["initContainers"] = [{"name": "x"}]


def _arguments(obj: dict[str, Any]) -> None:
    _container(obj)["args"] = ["x"]


def _other_keys(obj: dict[str, Any]) -> None:
    obj["spec"]["template"]["spec"]["volumes"][0]["secret"]["secretName"] = "x"


@pytest.mark.parametrize(
    "change",
    [_image, _request, _second_container, _init_container, _arguments, _other_keys],
)
def test_a_job_of_another_request_or_program_is_not_adopted(change: Change) -> None:
    obj = live()
    change(obj)
    assert not asks_the_same(obj, JOB)


def test_the_name_tells_task_owner_and_basis() -> None:
    one = names.task("DatasetPin/team/rows", "uid", "hash", "basis")
    assert one.startswith(names.TASK_PREFIX)
    assert len(one) <= names.DNS_LABEL_MAX
    others = {
        names.task("DatasetPin/team/other", "uid", "hash", "basis"),
        names.task("DatasetPin/team/rows", "uid-2", "hash", "basis"),
        names.task("DatasetPin/team/rows", "uid", "verify", "basis"),
        names.task("DatasetPin/team/rows", "uid", "hash", "basis-2"),
    }
    assert len(others | {one}) == 5
