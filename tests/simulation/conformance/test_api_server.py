"""What the operator relies on of an API server, asked of the stand-in and of the real one alike."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from simulation.world import experiment_spec, profile_spec
from support.api import ApiError
from support.examples import one_stage

Json = dict[str, Any]
GLOVEBOX = "/apis/glovebox.dev/v1alpha1"


@contextlib.contextmanager
def refused(code: int, reason: str, text: str = "") -> Iterator[None]:
    """Expect an answer that is no success."""
    with pytest.raises(ApiError) as caught:
        yield
    assert (caught.value.code, caught.value.reason) == (code, reason), caught.value.message
    assert text in caught.value.message


def config_maps(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/configmaps"


def experiments(namespace: str) -> str:
    return f"{GLOVEBOX}/namespaces/{namespace}/experiments"


def made(api: Any, namespace: str, name: str = "a", **more: Any) -> Json:
    body = {"metadata": {"name": name, **more.pop("metadata", {})}, "data": {"k": "v"}, **more}
    return dict(api.create(config_maps(namespace), body))


def experiment(api: Any, namespace: str, name: str = "x", **metadata: Any) -> Json:
    body: Json = {
        "apiVersion": "glovebox.dev/v1alpha1",
        "kind": "Experiment",
        "metadata": {"name": name, **metadata},
        "spec": experiment_spec(),
    }
    return dict(api.create(experiments(namespace), body))


def version(obj: Json) -> int:
    return int(obj["metadata"]["resourceVersion"])


# -- creating


def test_what_is_created_gets_a_uid_a_version_and_a_time(api: Any, namespace: str) -> None:
    obj = made(api, namespace, metadata={"uid": "mine", "creationTimestamp": None})
    assert obj["metadata"]["uid"] != "mine"
    assert version(obj) > 0
    assert obj["metadata"]["creationTimestamp"].endswith("Z")
    assert "generation" not in obj["metadata"]


def test_a_name_that_is_taken_is_no_conflict_of_versions(api: Any, namespace: str) -> None:
    made(api, namespace)
    with refused(409, "AlreadyExists"):
        made(api, namespace)


def test_nothing_is_created_with_a_version(api: Any, namespace: str) -> None:
    with pytest.raises(ApiError) as caught:
        made(api, namespace, metadata={"resourceVersion": "1"})
    assert caught.value.code in (400, 500)


def test_nothing_is_created_where_there_is_no_namespace(api: Any) -> None:
    with refused(404, "NotFound", 'namespaces "nowhere" not found'):
        made(api, "nowhere")
    with pytest.raises(ApiError) as caught:
        made(api, "nowhere")
    details = caught.value.status["details"]
    assert (details["kind"], details["name"]) == ("namespaces", "nowhere")


def test_a_dry_run_answers_and_stores_nothing(api: Any, namespace: str) -> None:
    answer = api.create(config_maps(namespace), {"metadata": {"name": "dry"}}, dryRun="All")
    assert answer["metadata"]["name"] == "dry"
    assert api.find(f"{config_maps(namespace)}/dry") is None


# -- replacing and patching


def test_a_put_without_a_version_replaces_whatever_is_there(api: Any, namespace: str) -> None:
    old = made(api, namespace, metadata={"labels": {"a": "b"}})
    new = api.replace(f"{config_maps(namespace)}/a", {"metadata": {"name": "a"}, "data": {}})
    assert version(new) > version(old)
    assert new["metadata"]["uid"] == old["metadata"]["uid"]
    assert "labels" not in new["metadata"]


def test_a_put_on_an_old_version_is_a_conflict(api: Any, namespace: str) -> None:
    old = made(api, namespace)
    api.patch(f"{config_maps(namespace)}/a", {"data": {"k": "w"}})
    with refused(409, "Conflict"):
        api.replace(f"{config_maps(namespace)}/a", old)


def test_a_put_with_another_uid_is_a_conflict(api: Any, namespace: str) -> None:
    old = made(api, namespace)
    body = {"metadata": {"name": "a", "uid": "00000000-0000-4000-8000-00000000dead"}, "data": {}}
    with refused(409, "Conflict"):
        api.replace(f"{config_maps(namespace)}/a", body)
    assert version(api.get(f"{config_maps(namespace)}/a")) == version(old)


@pytest.mark.parametrize(
    "path",
    ["configmaps", "secrets", "serviceaccounts", "resourcequotas"],
)
def test_a_put_of_what_is_not_there_creates_nothing(api: Any, namespace: str, path: str) -> None:
    with refused(404, "NotFound"):
        api.replace(f"/api/v1/namespaces/{namespace}/{path}/none", {"metadata": {"name": "none"}})


def test_a_put_that_changes_nothing_keeps_the_version(api: Any, namespace: str) -> None:
    old = made(api, namespace)
    new = api.replace(f"{config_maps(namespace)}/a", old)
    assert version(new) == version(old)


def test_a_merge_patch_removes_by_null_and_minds_the_version(api: Any, namespace: str) -> None:
    old = made(api, namespace)
    path = f"{config_maps(namespace)}/a"
    new = api.patch(path, {"data": {"k": None, "l": "x"}})
    assert new["data"] == {"l": "x"}
    with refused(409, "Conflict"):
        api.patch(
            path,
            {"metadata": {"resourceVersion": old["metadata"]["resourceVersion"]}, "data": {}},
        )


def test_a_json_patch_whose_test_fails_changes_nothing(api: Any, namespace: str) -> None:
    old = made(api, namespace)
    path = f"{config_maps(namespace)}/a"
    body = [
        {"op": "test", "path": "/metadata/resourceVersion", "value": "1"},
        {"op": "add", "path": "/data/l", "value": "x"},
    ]
    with pytest.raises(ApiError) as caught:
        api.patch(path, body, kind="json")
    assert caught.value.code == 422
    body[0]["value"] = old["metadata"]["resourceVersion"]
    assert api.patch(path, body, kind="json")["data"] == {"k": "v", "l": "x"}


# -- what cannot be changed


def test_an_immutable_config_map_keeps_its_data(api: Any, namespace: str) -> None:
    made(api, namespace, immutable=True)
    with refused(422, "Invalid"):
        api.patch(f"{config_maps(namespace)}/a", {"data": {"k": "w"}})
    api.patch(f"{config_maps(namespace)}/a", {"metadata": {"labels": {"a": "b"}}})


def test_the_role_of_a_binding_cannot_be_changed(api: Any, namespace: str) -> None:
    path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings"
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}
    api.create(path, {"metadata": {"name": "b"}, "roleRef": role})
    with refused(422, "Invalid"):
        api.patch(f"{path}/b", {"roleRef": {"name": "edit"}})


# -- deleting


def test_a_deletion_of_another_uid_is_a_conflict(api: Any, namespace: str) -> None:
    obj = made(api, namespace)
    path = f"{config_maps(namespace)}/a"
    with refused(409, "Conflict"):
        api.delete(path, preconditions={"uid": "00000000-0000-4000-8000-00000000dead"})
    with refused(409, "Conflict"):
        api.delete(path, preconditions={"resourceVersion": "1"})
    api.delete(path, preconditions={"uid": obj["metadata"]["uid"]})
    assert api.find(path) is None
    with refused(404, "NotFound"):
        api.delete(path)


def test_a_finalizer_holds_what_is_deleted_until_it_is_taken_off(api: Any, namespace: str) -> None:
    made(api, namespace, metadata={"finalizers": ["example.com/hold"]})
    path = f"{config_maps(namespace)}/a"
    answer = api.delete(path)
    assert answer["metadata"]["deletionTimestamp"]
    again = api.delete(path)
    assert again["metadata"]["deletionTimestamp"] == answer["metadata"]["deletionTimestamp"]
    with refused(422, "Invalid", "no new finalizers can be added"):
        api.patch(path, {"metadata": {"finalizers": ["example.com/hold", "example.com/more"]}})
    last = api.patch(path, {"metadata": {"finalizers": []}})
    assert last["metadata"]["deletionTimestamp"]
    assert api.find(path) is None


def test_a_collection_is_deleted_by_label(api: Any, namespace: str) -> None:
    made(api, namespace, "a", metadata={"labels": {"x": "y"}})
    made(api, namespace, "b")
    api.request("DELETE", config_maps(namespace), labelSelector="x=y")
    left = [item["metadata"]["name"] for item in api.list(config_maps(namespace))]
    assert "a" not in left
    assert "b" in left


# -- lists and watches


def test_a_list_comes_in_pages_of_one_version(api: Any, namespace: str) -> None:
    for name in ("a", "b", "c"):
        made(api, namespace, name, metadata={"labels": {"page": "yes"}})
    first = api.get(config_maps(namespace), limit=2, labelSelector="page=yes")
    made(api, namespace, "bb", metadata={"labels": {"page": "yes"}})
    token = first["metadata"]["continue"]
    rest = api.get(
        config_maps(namespace), **{"limit": 2, "labelSelector": "page=yes", "continue": token}
    )
    found = [item["metadata"]["name"] for page in (first, rest) for item in page["items"]]
    assert found == ["a", "b", "c"]
    assert first["metadata"]["resourceVersion"] == rest["metadata"]["resourceVersion"]
    assert not rest["metadata"].get("continue")
    assert "kind" not in first["items"][0]


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("x=y", ["a"]),
        ("x!=y", ["b", "c"]),
        ("x", ["a", "b"]),
        ("!x", ["c"]),
        ("x in (y,z)", ["a", "b"]),
        ("x notin (y)", ["b", "c"]),
    ],
)
def test_labels_select(api: Any, namespace: str, selector: str, found: list[str]) -> None:
    made(api, namespace, "a", metadata={"labels": {"x": "y"}})
    made(api, namespace, "b", metadata={"labels": {"x": "z"}})
    made(api, namespace, "c")
    items = api.list(config_maps(namespace), labelSelector=selector)
    names = [item["metadata"]["name"] for item in items]
    assert [name for name in names if name != "kube-root-ca.crt"] == found


def test_fields_select_by_name(api: Any, namespace: str) -> None:
    made(api, namespace, "a")
    made(api, namespace, "b")
    items = api.list(config_maps(namespace), fieldSelector="metadata.name=b")
    assert [item["metadata"]["name"] for item in items] == ["b"]


def test_a_watch_tells_what_came_after_its_version(api: Any, namespace: str) -> None:
    obj = made(api, namespace, "a", metadata={"labels": {"w": "1"}})
    path = config_maps(namespace)
    api.patch(f"{path}/a", {"data": {"k": "w"}})
    api.delete(f"{path}/a")
    events = api.events(path, obj["metadata"]["resourceVersion"], labelSelector="w=1")
    assert [event["type"] for event in events] == ["MODIFIED", "DELETED"]
    versions = [version(event["object"]) for event in events]
    assert versions == sorted(versions)
    assert versions[0] > version(obj)
    assert events[1]["object"]["metadata"]["uid"] == obj["metadata"]["uid"]


def test_what_leaves_a_selection_is_told_as_deleted_and_comes_back_as_added(
    api: Any, namespace: str
) -> None:
    obj = made(api, namespace, "a", metadata={"labels": {"w": "1"}})
    path = config_maps(namespace)
    gone = api.patch(f"{path}/a", {"metadata": {"labels": {"w": "2"}}})
    back = api.patch(f"{path}/a", {"metadata": {"labels": {"w": "1"}}})
    events = api.events(path, obj["metadata"]["resourceVersion"], labelSelector="w=1")
    assert [event["type"] for event in events] == ["DELETED", "ADDED"]
    assert [version(event["object"]) for event in events] == [version(gone), version(back)]
    assert events[0]["object"]["metadata"]["labels"] == {"w": "1"}


# -- namespaces


def test_a_namespace_that_is_deleted_takes_in_nothing_new(api: Any, namespace: str) -> None:
    made(api, namespace, metadata={"finalizers": ["example.com/hold"]})
    api.delete(f"/api/v1/namespaces/{namespace}")
    with refused(403, "Forbidden", "because it is being terminated"):
        made(api, namespace, "late")
    found = api.get(f"/api/v1/namespaces/{namespace}")
    assert found["status"]["phase"] == "Terminating"
    assert found["spec"]["finalizers"] == ["kubernetes"]
    api.patch(f"{config_maps(namespace)}/a", {"metadata": {"finalizers": []}})


def test_a_namespace_has_its_name_as_label_and_keeps_its_finalizer(
    api: Any, namespace: str
) -> None:
    path = f"/api/v1/namespaces/{namespace}"
    found = api.get(path)
    assert found["metadata"]["labels"]["kubernetes.io/metadata.name"] == namespace
    assert found["status"]["phase"] == "Active"
    new = api.replace(path, {**found, "spec": {}, "status": {"phase": "Terminating"}})
    assert new["spec"]["finalizers"] == ["kubernetes"]
    assert new["status"]["phase"] == "Active"


def test_every_namespace_gets_a_default_account(api: Any, namespace: str) -> None:
    api.account(namespace)
    assert api.get(f"/api/v1/namespaces/{namespace}/serviceaccounts/default")


# -- our own kinds


def test_our_kinds_get_their_defaults_and_lose_what_is_unknown(api: Any, namespace: str) -> None:
    body: Json = {
        "metadata": {"name": "x"},
        "spec": {**experiment_spec(), "unheard": 1},
        "status": {"digest": "mine"},
    }
    body |= {"apiVersion": "glovebox.dev/v1alpha1", "kind": "Experiment"}
    obj = api.create(experiments(namespace), body)
    assert "unheard" not in obj["spec"]
    # Whoever creates it cannot give it a status: it has what the schema gives.
    assert obj["status"]["observedGeneration"] == -1
    assert "digest" not in obj["status"]
    assert obj["metadata"]["generation"] == 1


def test_defaults_are_the_same(stand_in_api: Any, real_api: Any) -> None:
    for api in (stand_in_api, real_api):
        api.create_namespace("same-defaults")
    specs = []
    for api in (stand_in_api, real_api):
        profile = {
            "apiVersion": "glovebox.dev/v1alpha1",
            "kind": "IsolationProfile",
            "metadata": {"name": "same"},
            "spec": profile_spec(),
        }
        specs.append(
            (
                experiment(api, "same-defaults")["spec"],
                api.create(f"{GLOVEBOX}/isolationprofiles", profile)["spec"],
            )
        )
    assert specs[0] == specs[1]


test_defaults_are_the_same = pytest.mark.real(test_defaults_are_the_same)


def test_only_a_change_of_the_spec_counts_as_a_generation(api: Any, namespace: str) -> None:
    experiment(api, namespace)
    path = f"{experiments(namespace)}/x"
    labelled = api.patch(path, {"metadata": {"labels": {"a": "b"}}})
    assert labelled["metadata"]["generation"] == 1
    told = api.patch(f"{path}/status", {"status": {"platformImage": "one"}})
    assert told["metadata"]["generation"] == 1
    edited = api.patch(path, {"spec": {"purpose": {"description": "another"}}})
    assert edited["metadata"]["generation"] == 2
    assert edited["status"]["platformImage"] == "one"


def test_the_main_endpoint_leaves_the_status_alone(api: Any, namespace: str) -> None:
    obj = experiment(api, namespace)
    path = f"{experiments(namespace)}/x"
    new = api.replace(path, {**obj, "status": {"platformImage": "mine"}})
    assert "platformImage" not in new["status"]


def test_a_status_endpoint_leaves_the_spec_alone(api: Any, namespace: str) -> None:
    obj = experiment(api, namespace)
    body = {**obj, "spec": {**obj["spec"], "suspend": True}, "status": {"platformImage": "one"}}
    new = api.replace(f"{experiments(namespace)}/x/status", body)
    assert "suspend" not in new["spec"] or new["spec"]["suspend"] == obj["spec"].get("suspend")
    assert new["status"]["platformImage"] == "one"


def test_a_put_of_the_status_changes_no_metadata(api: Any, namespace: str) -> None:
    obj = experiment(api, namespace, finalizers=["example.com/hold"], labels={"a": "b"})
    path = f"{experiments(namespace)}/x"
    metadata = {
        key: value
        for key, value in obj["metadata"].items()
        if key not in ("finalizers", "labels", "managedFields")
    }
    body = {**obj, "metadata": metadata, "status": {"platformImage": "one"}}
    new = api.replace(f"{path}/status", body)
    assert new["metadata"]["finalizers"] == ["example.com/hold"]
    assert new["metadata"]["labels"] == {"a": "b"}
    dying = api.delete(path)
    metadata["resourceVersion"] = dying["metadata"]["resourceVersion"]
    api.replace(f"{path}/status", {**body, "status": {"platformImage": "two"}})
    assert api.get(path)["metadata"]["finalizers"] == ["example.com/hold"]
    api.patch(path, {"metadata": {"finalizers": None}})


def test_a_status_of_an_old_version_is_a_conflict(api: Any, namespace: str) -> None:
    obj = experiment(api, namespace)
    api.patch(f"{experiments(namespace)}/x", {"metadata": {"labels": {"a": "b"}}})
    with refused(409, "Conflict"):
        api.replace(f"{experiments(namespace)}/x/status", {**obj, "status": {}})


@pytest.mark.parametrize("field", ["digest", "namespace"])
def test_what_is_set_once_in_the_status_stays(api: Any, namespace: str, field: str) -> None:
    experiment(api, namespace)
    path = f"{experiments(namespace)}/x/status"
    value = "sha256:" + "a" * 64 if field == "digest" else "gbx-one"
    other = "sha256:" + "b" * 64 if field == "digest" else "gbx-two"
    api.patch(path, {"status": {field: value}})
    with refused(422, "Invalid", "must stay as it is"):
        api.patch(path, {"status": {field: other}})
    with refused(422, "Invalid", "must stay as it is"):
        api.patch(path, {"status": {field: None}})


def test_the_spec_is_frozen_with_the_digest(api: Any, namespace: str) -> None:
    experiment(api, namespace)
    path = f"{experiments(namespace)}/x"
    program = {"image": "trainer"}
    api.patch(path, {"spec": {"stages": one_stage(program | {"command": ["a", "b"]})}})
    api.patch(f"{path}/status", {"status": {"digest": "sha256:" + "a" * 64}})
    with refused(422, "Invalid", "must stay as it is"):
        api.patch(path, {"spec": {"stages": one_stage(program | {"command": ["c"]})}})
    api.patch(path, {"spec": {"purpose": {"description": "free to edit"}}})


def test_an_experiment_with_a_finalizer_is_only_marked(api: Any, namespace: str) -> None:
    experiment(api, namespace, finalizers=["example.com/hold"])
    path = f"{experiments(namespace)}/x"
    marked = api.delete(path)
    assert marked["metadata"]["deletionTimestamp"]
    assert marked["metadata"]["generation"] == 2
    api.patch(path, {"metadata": {"finalizers": None}})
    assert api.find(path) is None


def test_our_kinds_and_leases_are_replaced_on_a_version_only(api: Any, namespace: str) -> None:
    obj = experiment(api, namespace)
    leases = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
    lease = api.create(leases, {"metadata": {"name": "l"}, "spec": {"holderIdentity": "a"}})
    for path, body in ((f"{experiments(namespace)}/x", obj), (f"{leases}/l", lease)):
        metadata = {"name": body["metadata"]["name"]}
        with refused(422, "Invalid", "must be specified for an update"):
            api.replace(path, {**body, "metadata": metadata})


# -- Pods


def test_the_end_of_a_pod_is_only_ever_shortened(api: Any, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/pods"
    spec = {
        "nodeName": "nowhere",
        "serviceAccountName": "s",
        "terminationGracePeriodSeconds": 864000,
        "automountServiceAccountToken": False,
        "containers": [{"name": "c", "image": "registry.example/none"}],
    }
    api.create(f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": "s"}})
    api.create(path, {"metadata": {"name": "p"}, "spec": spec})
    for asked, grace in ((None, 864000), (30, 30), (864000, 30), (None, 30)):
        options = {} if asked is None else {"gracePeriodSeconds": asked}
        marked = api.delete(f"{path}/p", **options)
        assert marked["metadata"]["deletionGracePeriodSeconds"] == grace, asked
    api.delete(f"{path}/p", gracePeriodSeconds=0)
    assert api.find(f"{path}/p") is None


# -- Jobs


def test_a_job_gets_a_selector_of_its_own(api: Any, namespace: str) -> None:
    path = f"/apis/batch/v1/namespaces/{namespace}/jobs"
    pod = {
        "restartPolicy": "Never",
        "containers": [{"name": "c", "image": "registry.example/none"}],
    }
    job = api.create(
        path,
        {"metadata": {"name": "j"}, "spec": {"suspend": True, "template": {"spec": pod}}},
    )
    uid = job["metadata"]["uid"]
    label = "batch.kubernetes.io/controller-uid"
    assert job["spec"]["selector"]["matchLabels"][label] == uid
    assert job["spec"]["template"]["metadata"]["labels"][label] == uid
    api.delete(f"{path}/j", propagationPolicy="Background")


# -- Leases


def test_a_lease_is_taken_by_whoever_writes_its_newest_version(api: Any, namespace: str) -> None:
    path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
    lease = api.create(path, {"metadata": {"name": "l"}, "spec": {"holderIdentity": "a"}})
    api.replace(f"{path}/l", {**lease, "spec": {"holderIdentity": "b"}})
    with refused(409, "Conflict"):
        api.replace(f"{path}/l", {**lease, "spec": {"holderIdentity": "c"}})
    assert api.get(f"{path}/l")["spec"]["holderIdentity"] == "b"


# -- logs


def test_the_log_of_a_pod_that_no_node_has_taken_is_empty(api: Any, namespace: str) -> None:
    api.account(namespace)
    pods = f"/api/v1/namespaces/{namespace}/pods"
    container = {"name": "run", "image": "registry.example/x@sha256:" + "a" * 64}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "early"},
        "spec": {"containers": [container], "schedulerName": "nobody"},
    }
    api.create(pods, pod)
    assert not api.get(f"{pods}/early/log")
    with refused(404, "NotFound"):
        api.get(f"{pods}/gone/log")
