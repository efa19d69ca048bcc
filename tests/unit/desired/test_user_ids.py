"""As whom containers run: as fixed users, or as whom the cluster gives; never as root.

What an OpenShift cluster does is played by the rules of its SCC `restricted-v2`, as its manifest in
openshift/cluster-kube-apiserver-operator has them: it gives user, group and SELinux level where
none are set, and refuses others.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest

from glovebox.desired.inputs import ExperimentInputs
from glovebox.desired.platform import identity
from glovebox.desired.pods import FETCH_USER, RUN_USER
from glovebox.desired.probe import probe_of
from glovebox.desired.run import run_of, stage_jobs
from glovebox.desired.run_environment import run_environment
from golden.cases import inputs_from

OF_NAMESPACE: Final = {"kind": "IsolationProfile", "spec": {"userIds": "OfNamespace"}}
# openshift.io/sa.scc.uid-range of a namespace.
RANGE: Final = range(1000680000, 1000690000)


def given(*changes: dict[str, Any]) -> ExperimentInputs:
    """Return the ordinary case with its isolation check and its session, and with changes."""
    return inputs_from(
        {"kind": "Resolved", "platformImage": f"registry.example/glovebox@sha256:{'2' * 64}"},
        {"kind": "IsolationProfile", "spec": {"probe": {"schedule": "Once"}}},
        *changes,
    )


def pods(inputs: ExperimentInputs) -> Iterator[dict[str, Any]]:
    """Return the pods of an experiment: its run's, and that of its isolation check."""
    run = run_of(inputs, stage_jobs(inputs, "sha256:" + "0" * 64))
    check = probe_of(inputs, ())
    assert run is not None
    assert check is not None
    for job in (run, check.job()):
        yield job["spec"]["template"]["spec"]


def containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    return [*pod.get("initContainers", ()), *pod["containers"]]


def refusals(pod: dict[str, Any]) -> list[str]:
    """Return what `restricted-v2` refuses of a pod."""
    own = pod.get("securityContext", {})
    found = [f"fsGroup {own['fsGroup']}"] if "fsGroup" in own else []
    if own.get("runAsUser", RANGE[0]) not in RANGE:
        found.append("user of the pod")
    for each in containers(pod):
        context = each["securityContext"]
        if context.get("runAsUser", RANGE[0]) not in RANGE:
            found.append(f"user of {each['name']}")
        if context.get("allowPrivilegeEscalation", True):
            found.append(f"privilege escalation of {each['name']}")
        if context["capabilities"] != {"drop": ["ALL"]}:
            found.append(f"capabilities of {each['name']}")
    kinds = {kind for volume in pod["volumes"] for kind in volume if kind != "name"}
    allowed = {"configMap", "csi", "emptyDir", "ephemeral", "persistentVolumeClaim", "secret"}
    return found + sorted(kinds - allowed)


def test_fixed_users_are_refused_by_openshift_and_those_of_the_namespace_are_not() -> None:
    fixed = [refusal for pod in pods(given()) for refusal in refusals(pod)]
    assert {"user of fetch", "user of run", "user of session", "user of probe"} == set(fixed)
    assert [refusals(pod) for pod in pods(given(OF_NAMESPACE))] == [[], []]


@pytest.mark.parametrize("changes", [[], [OF_NAMESPACE]], ids=["fixed", "of-namespace"])
def test_nobody_is_root_and_nothing_else_differs(changes: list[dict[str, Any]]) -> None:
    plain = list(pods(given()))
    for pod, usual in zip(pods(given(*changes)), plain, strict=True):
        assert pod["securityContext"]["runAsNonRoot"] is True
        for each, other in zip(containers(pod), containers(usual), strict=True):
            context = each["securityContext"]
            assert context["runAsNonRoot"] is True
            assert context["readOnlyRootFilesystem"] is True
            users = {"runAsUser", "runAsGroup"} & set(context)
            assert len(users) == (0 if changes else 2)
            rest = {name: other["securityContext"][name] for name in context if name not in users}
            assert {name: context[name] for name in rest} == rest
            assert {**each, "securityContext": None} == {**other, "securityContext": None}


def test_program_and_fetcher_are_two_users_unless_the_cluster_gives_them() -> None:
    run, _ = pods(given())
    found = {each["name"]: each["securityContext"]["runAsUser"] for each in containers(run)}
    assert (found["fetch"], found["run"]) == (FETCH_USER, RUN_USER)
    assert found["fetch"] != found["run"]


def test_a_user_without_a_name_has_a_place_to_write() -> None:
    """A random user is of no group but 0 and has no entry in the image's /etc/passwd."""
    inputs = given(OF_NAMESPACE)
    (stage,) = inputs.experiment.spec.stages
    found = {each["name"]: each["value"] for each in run_environment(inputs, stage)}
    (run, _) = pods(inputs)
    (container,) = run["containers"]
    writable = [each["mountPath"] for each in container["volumeMounts"] if not each.get("readOnly")]
    assert writable == [found["HOME"]] == [found["TMPDIR"]], "an emptyDir, which all may write"
    assert found["USER"] == found["LOGNAME"] == "glovebox"
    modes = [
        source["defaultMode"]
        for volume in run["volumes"]
        for source in (volume.get("secret"), volume.get("configMap"))
        if source and "defaultMode" in source
    ]
    assert modes == [], "0644: whoever the user is, it reads what it is given"


def test_it_is_bound_and_says_nothing_where_it_is_as_it_always_was() -> None:
    usual, other = given(), given(OF_NAMESPACE)
    assert "userIds" not in identity(usual.profile, ())["profile"]
    assert identity(other.profile, ())["profile"]["userIds"] == "OfNamespace"
