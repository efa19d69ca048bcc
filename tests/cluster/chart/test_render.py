"""What the chart renders: complete, strict about its values, and in step with the code."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.chart.rendering import CHART, ROOT, only, render, run_helm
from cluster.chart.values_table import PAGE, page
from glovebox import names
from glovebox.api.kinds import KINDS
from glovebox.desired.pods import FETCH_CONTAINER, FETCH_USER, container_security, pod_frame
from glovebox.desired.quantity import parse as parse_quantity
from glovebox.settings import PREFIX, Settings
from glovebox.store.sources import MAX_MANIFEST_BYTES
from support.jobset import CONTROLLER
from support.kueue import CONTROLLER as KUEUE

LINEAGE = {
    "enabled": True,
    "namespace": "prod",
    "destinations": [
        {
            "name": "catalogue",
            "url": "https://lineage.example/$(HOST)/v1",
            "secretName": "lineage-token",
            "dialect": "datahub",
            "maxBytes": 65536,
            "readUrl": "https://catalogue.example/runs/{run}",
        }
    ],
}
VARIANTS = [pytest.param(path, id=path.stem) for path in sorted((CHART / "ci").glob("*.yaml"))]


@pytest.mark.parametrize("variant", VARIANTS)
def test_helm_lint_is_content(variant: Path) -> None:
    done = run_helm("lint", "--strict", str(CHART), f"--values={variant}")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_same_values_give_the_same_bytes(variant: Path) -> None:
    """Who renders again and again, as GitOps does, would see a change each time."""
    first, second = (run_helm("template", str(CHART), f"--values={variant}") for _ in range(2))
    assert first.returncode == 0, first.stderr
    assert first.stdout == second.stdout


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_object_says_that_it_is_ours(variant: Path) -> None:
    for thing in render(yaml.safe_load(variant.read_text())):
        labels = thing["metadata"]["labels"]
        assert labels["app.kubernetes.io/name"] == "glovebox", thing["metadata"]["name"]
        assert labels["app.kubernetes.io/managed-by"] == "Helm", (
            "the operator's own label would put it into the operator's watches"
        )


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        pytest.param(
            {"operator": {"replicas": 0}},
            "at '/operator/replicas': minimum: got 0, want 1",
            id="no operator, and no word of it",
        ),
        pytest.param(
            {"gards": {}},
            "at '': additional properties 'gards' not allowed",
            id="a misspelt section",
        ),
        pytest.param(
            {"guards": {"enabled": False}},
            "at '/guards': additional properties 'enabled' not allowed",
            id="no guards",
        ),
        pytest.param(
            {"guards": {"breakGlassGroups": "sre"}},
            "at '/guards/breakGlassGroups': got string, want array",
            id="a text for a list",
        ),
        pytest.param(
            {"operator": {"image": {"digest": "abc"}}},
            "at '/operator/image/digest': 'abc' does not match pattern",
            id="no digest",
        ),
        pytest.param(
            {"operator": {"settings": {"workers": 1000}}},
            "at '/operator/settings/workers': maximum: got 1,000, want 64",
            id="too many workers",
        ),
        pytest.param(
            {"operator": {"settings": {"tasks": "Pods"}}},
            "at '/operator/settings/tasks': value must be one of 'InProcess', 'Jobs'",
            id="no way to do tasks",
        ),
        pytest.param(
            {"operator": {"settings": {"tasks": "Jobs"}}},
            "operator.settings.tasks is Jobs, and these run the operator's own image by digest: set"
            " operator.image.digest",
            id="Jobs of an image by tag",
        ),
        pytest.param(
            {"lineage": {"destinations": LINEAGE["destinations"]}},
            "lineage.destinations are given and lineage.enabled is false",
            id="destinations of what is not written",
        ),
        pytest.param(
            {"operator": {"env": [{"name": "GLOVEBOX_WORKERS"}]}},
            "at '/operator/env/0/name': 'not' failed",
            id="a setting as a variable",
        ),
        pytest.param(
            {"operator": {"secretSources": [{"namespace": "ml", "names": []}]}},
            "at '/operator/secretSources/0/names': minItems: got 0, want 1",
            id="a right to all Secrets of a namespace",
        ),
        pytest.param(
            {"operator": {"secretSources": [{"namespace": "kube-system", "names": ["x"]}]}},
            "at '/operator/secretSources/0/namespace': 'not' failed",
            id="a right to Secrets of the cluster",
        ),
        pytest.param(
            {"operator": {"subjects": [{"kind": "Group", "name": "x"}]}},
            "at '/operator/subjects/0': 'oneOf' failed",
            id="a group as operator",
        ),
    ],
)
def test_a_wrong_value_is_refused(values: dict[str, Any], complaint: str) -> None:
    done = run_helm("template", "glovebox", str(CHART), values=values)
    assert done.returncode != 0
    assert complaint in done.stderr


def test_every_value_is_described() -> None:
    def check(schema: dict[str, Any], where: str) -> None:
        assert schema.get("description"), where
        for name, inner in schema.get("properties", {}).items():
            check(inner, f"{where}.{name}")
        if schema.get("type") == "object" and where != "values.global":
            assert "additionalProperties" in schema, where

    check(yaml.safe_load((CHART / "values.schema.json").read_text()), "values")


def test_the_readme_has_every_value() -> None:
    cure = "run: cd tests && python -m cluster.chart.values_table"
    assert page(PAGE.read_text()) == PAGE.read_text(), cure


def test_every_value_stands_in_values_yaml_with_a_comment() -> None:
    lines = (CHART / "values.yaml").read_text().splitlines()
    bare = [
        line
        for before, line in pairwise(lines)
        if re.fullmatch(r" +[A-Za-z]+: .+", line)
        and not line.lstrip().startswith(("requests:", "limits:"))
        and not before.lstrip().startswith("#")
    ]
    assert bare == []


def test_the_charts_copies_of_the_definitions_are_fresh() -> None:
    made = {path.name: path.read_text() for path in (ROOT / "crds").glob("*.yaml")}
    kept = {path.name: path.read_text() for path in (CHART / "files" / "crds").glob("*.yaml")}
    assert kept == made, "run: python -m glovebox.api.crd_export helm/glovebox/files/crds"


def test_the_definitions_are_rendered_as_they_were_made() -> None:
    rendered = {
        thing["metadata"]["name"]: thing
        for thing in render()
        if thing["kind"] == "CustomResourceDefinition"
    }
    made = [yaml.safe_load(path.read_text()) for path in (CHART / "files" / "crds").glob("*.yaml")]
    assert sorted(rendered) == sorted(crd["metadata"]["name"] for crd in made)
    for crd in made:
        assert rendered[crd["metadata"]["name"]]["spec"] == crd["spec"]
        assert (
            rendered[crd["metadata"]["name"]]["metadata"]["annotations"]["helm.sh/resource-policy"]
            == "keep"
        )


def test_the_definitions_can_be_left_to_others() -> None:
    assert not [
        thing
        for thing in render({"crds": {"enabled": False}})
        if thing["kind"] == "CustomResourceDefinition"
    ]
    unkept = [
        thing
        for thing in render({"crds": {"keep": False}})
        if thing["kind"] == "CustomResourceDefinition"
    ]
    assert all(
        "annotations" not in crd["metadata"] or not crd["metadata"]["annotations"] for crd in unkept
    )


def test_without_an_operator_everything_else_is_there() -> None:
    with_operator, without = render(), render({"operator": {"enabled": False}})
    missing = [thing["kind"] for thing in with_operator if thing not in without]
    assert sorted(missing) == ["Deployment", "NetworkPolicy", "PodDisruptionBudget", "Service"]


def test_the_guards_take_the_release_s_service_account_for_the_operator() -> None:
    policy = only(render(), "ValidatingAdmissionPolicy", "glovebox-operator-fence")
    expected = (
        'request.userInfo.username in ["system:serviceaccount:glovebox-system:glovebox-operator"]'
    )
    assert policy["spec"]["matchConditions"] == [{"name": "the-operator", "expression": expected}]


@pytest.mark.parametrize(
    ("value", "name", "account"),
    [
        ("jobSetController", "glovebox-jobset-controller", CONTROLLER),
        ("kueueController", "glovebox-kueue-controller", KUEUE),
    ],
)
def test_the_guards_take_the_account_that_is_named_for_a_controller(
    value: str, name: str, account: str
) -> None:
    def who(values: dict[str, Any]) -> str:
        policy = only(render({"guards": values}), "ValidatingAdmissionPolicy", name)
        return str(policy["spec"]["matchConditions"][0]["expression"])

    assert who({}) == f'request.userInfo.username in ["{account}"]'
    assert who({value: "jobs"}) == 'request.userInfo.username in ["jobs"]'
    assert who({value: ""}) == "request.userInfo.username in []"


def test_the_image_is_named_by_digest_where_one_is_given() -> None:
    def image(values: dict[str, Any]) -> str:
        deployment = only(
            render({"operator": {"image": {"repository": "r/g", **values}}}), "Deployment"
        )
        return str(deployment["spec"]["template"]["spec"]["containers"][0]["image"])

    digest = "sha256:" + "1" * 64
    version = yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"]
    assert image({}) == f"r/g:{version}"
    assert image({"tag": "edge"}) == "r/g:edge"
    assert image({"tag": "edge", "digest": digest}) == f"r/g@{digest}"


def test_the_operator_s_settings_are_those_of_the_program() -> None:
    container = only(render(), "Deployment")["spec"]["template"]["spec"]["containers"][0]
    plain = {entry["name"]: entry["value"] for entry in container["env"] if "value" in entry}
    assert Settings.from_environment(plain) == Settings(leader_election=True)
    assert {entry["name"] for entry in container["env"]} <= {
        PREFIX + field.upper() for field in Settings.model_fields
    }
    [port] = container["ports"]
    assert port == {"name": "http", "containerPort": Settings().http_port, "protocol": "TCP"}
    assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "http"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}


def test_the_settings_of_lineage_are_those_of_the_values() -> None:
    container = only(render({"lineage": LINEAGE}), "Deployment")["spec"]["template"]["spec"][
        "containers"
    ][0]
    env = {entry["name"]: entry.get("value") for entry in container["env"]}
    told = env[f"{PREFIX}LINEAGE"].replace("$$(", "$(")  # as the kubelet does
    lineage = Settings.model_validate({"lineage": told}).lineage
    assert lineage.model_dump(by_alias=True, mode="json", exclude_unset=True) == LINEAGE
    plain = only(render(), "Deployment")["spec"]["template"]["spec"]["containers"][0]
    assert f"{PREFIX}LINEAGE" not in {entry["name"] for entry in plain["env"]}


def test_the_operator_reaches_destinations_of_lineage_where_there_are_any() -> None:
    def ports(values: dict[str, Any]) -> list[set[int]]:
        spec = only(render(values), "NetworkPolicy")["spec"]
        return [{port["port"] for port in rule["ports"]} for rule in spec["egress"]]

    assert {5000} not in ports({"networkPolicy": {"lineage": {"ports": [5000]}}})
    assert {5000} in ports(
        {"lineage": LINEAGE, "networkPolicy": {"lineage": {"ports": [5000]}}},
    )


def test_a_replica_is_there_before_another_one_goes() -> None:
    spec = only(render(), "Deployment")["spec"]
    assert spec["replicas"] == 2
    assert spec["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
    }
    assert only(render(), "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1


def test_replicas_are_told_apart_by_their_pods_names() -> None:
    container = only(render(), "Deployment")["spec"]["template"]["spec"]["containers"][0]
    env = {entry["name"]: entry for entry in container["env"]}
    assert env[f"{PREFIX}LEADER_ELECTION"]["value"] == "true"
    assert env[f"{PREFIX}IDENTITY"]["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}


def test_a_single_replica_holds_up_no_drain() -> None:
    single = render({"operator": {"replicas": 1}})
    assert not [thing for thing in single if thing["kind"] == "PodDisruptionBudget"]


def test_replicas_spread_unless_told_otherwise() -> None:
    def spread(values: dict[str, Any]) -> list[str]:
        spec = only(render({"operator": values}), "Deployment")["spec"]["template"]["spec"]
        return [entry["topologyKey"] for entry in spec["topologySpreadConstraints"]]

    own = {"topologyKey": "rack", "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule"}
    assert spread({}) == ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
    assert spread({"topologySpreadConstraints": [own]}) == ["rack"]


def test_the_operator_reaches_its_servers_and_nobody_else() -> None:
    def ports(values: dict[str, Any]) -> list[set[int]]:
        spec = only(render({"networkPolicy": values}), "NetworkPolicy")["spec"]
        return [{port["port"] for port in rule["ports"]} for rule in spec["egress"]]

    assert ports({}) == [{53}, {443, 6443}, {80, 443, 8333, 9000}]
    narrow = {
        "apiServer": {"ports": [6443], "cidrs": ["192.0.2.1/32"]},
        "stores": {"ports": [9000], "cidrs": ["192.0.2.2/32"]},
        "metricsFrom": [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}],
    }
    assert ports(narrow) == [{53}, {6443}, {9000}]
    spec = only(render({"networkPolicy": narrow}), "NetworkPolicy")["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert [rule.get("to") for rule in spec["egress"]] == [
        None,
        [{"ipBlock": {"cidr": "192.0.2.1/32"}}],
        [{"ipBlock": {"cidr": "192.0.2.2/32"}}],
    ]
    assert spec["ingress"][0]["from"] == narrow["metricsFrom"]
    off = render({"networkPolicy": {"enabled": False}})
    assert not [thing for thing in off if thing["kind"] == "NetworkPolicy"]


def test_the_operator_may_fill_no_disk() -> None:
    container = only(render(), "Deployment")["spec"]["template"]["spec"]["containers"][0]
    for part in ("requests", "limits"):
        assert "ephemeral-storage" in container["resources"][part]


def test_a_manifest_of_the_greatest_size_fits_into_tmp_for_each_task_at_once() -> None:
    pod = only(render(), "Deployment")["spec"]["template"]["spec"]
    [tmp] = [volume["emptyDir"] for volume in pod["volumes"] if volume["name"] == "tmp"]
    assert "medium" not in tmp, "it would be memory"
    size = parse_quantity(tmp["sizeLimit"])
    at_once = 2 * Settings().data_workers
    assert size >= at_once * 2 * MAX_MANIFEST_BYTES + 2 * MAX_MANIFEST_BYTES
    limits = pod["containers"][0]["resources"]["limits"]
    assert parse_quantity(limits["ephemeral-storage"]) > size
    small = only(render({"operator": {"tmpSize": "3Gi"}}), "Deployment")
    volumes = small["spec"]["template"]["spec"]["volumes"]
    assert volumes == [{"name": "tmp", "emptyDir": {"sizeLimit": "3Gi"}}]


def test_a_selector_never_names_a_version() -> None:
    selector = only(render(), "Deployment")["spec"]["selector"]["matchLabels"]
    assert sorted(selector) == [
        "app.kubernetes.io/component",
        "app.kubernetes.io/instance",
        "app.kubernetes.io/name",
    ]


def test_whatever_selects_pods_of_the_operator_selects_all_of_them_and_no_others() -> None:
    made = render({**JOBS, "metrics": {"serviceMonitor": {"enabled": True}}})
    template = only(made, "Deployment")["spec"]["template"]
    tasks = only(made, "NetworkPolicy", "glovebox-tasks")["metadata"]["labels"]
    spread = template["spec"]["topologySpreadConstraints"]
    metrics = only(made, "Service")
    selectors = [
        only(made, "Deployment")["spec"]["selector"]["matchLabels"],
        only(made, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        only(made, "NetworkPolicy", "glovebox-operator")["spec"]["podSelector"]["matchLabels"],
        metrics["spec"]["selector"],
        *(each["labelSelector"]["matchLabels"] for each in spread),
    ]
    for selector in selectors:
        assert selector.items() <= template["metadata"]["labels"].items()
        assert not selector.items() <= tasks.items()
    watched = only(made, "ServiceMonitor")["spec"]["selector"]["matchLabels"]
    assert watched.items() <= metrics["metadata"]["labels"].items()


def test_the_operator_s_pod_is_held_to_what_the_pods_of_runs_are() -> None:
    pod = only(render(), "Deployment")["spec"]["template"]["spec"]
    frame, [container] = pod_frame(), pod["containers"]
    assert pod["enableServiceLinks"] is frame["enableServiceLinks"]
    user = dict.fromkeys(("runAsUser", "runAsGroup", "fsGroup"), FETCH_USER)
    assert pod["securityContext"] == frame["securityContext"] | user
    own = {"privileged": False, **container["securityContext"], **pod["securityContext"]}
    wanted = container_security(FETCH_USER)
    assert {name: own.get(name) for name in wanted} == wanted
    assert own["privileged"] is False


def test_a_replica_that_is_ill_holds_up_no_drain_and_one_that_starts_is_given_time() -> None:
    budget = only(render(), "PodDisruptionBudget")["spec"]
    assert budget["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
    [container] = only(render(), "Deployment")["spec"]["template"]["spec"]["containers"]
    start, alive = container["startupProbe"], container["livenessProbe"]
    assert start["httpGet"] == alive["httpGet"]

    def patience(probe: dict[str, Any]) -> int:
        return int(probe["periodSeconds"] * probe["failureThreshold"])

    assert patience(start) > patience(alive) >= 30


def test_guards_and_roles_use_the_names_of_the_code() -> None:
    guards = yaml.safe_dump(
        [thing for thing in render() if thing["kind"].startswith("ValidatingAdmissionPolicy")],
        width=10_000,
    )
    for name in (
        names.LABEL_EXPERIMENT_UID,
        names.LABEL_EXPERIMENT,
        names.LABEL_TEAM,
        names.LABEL_STATE,
        names.LABEL_MANAGED_BY,
        names.SNAPSHOT_CONFIG_MAP,
        names.CREDENTIALS_SECRET,
        names.RUNNER_SERVICE_ACCOUNT,
        names.TENANT_CLUSTER_ROLE,
        names.INTERACTIVE_CLUSTER_ROLE,
        names.LEADER_LEASE,
        names.FINALIZER_IN_USE,
        names.ANNOTATION_USERS,
        f"'{names.STATE_OPEN}'",
        f"'{names.STATE_FROZEN}'",
    ):
        assert name in guards, name
    assert "startsWith('gbx-')" in guards
    assert names.experiment_namespace("a", "b", "c").startswith("gbx-")
    tenant = only(render(), "ClusterRole", names.TENANT_CLUSTER_ROLE)
    interactive = only(render(), "ClusterRole", names.INTERACTIVE_CLUSTER_ROLE)
    # The guard knows the fetcher's container by its name.
    assert f"== '{FETCH_CONTAINER}'" in guards
    # It is bound in the other's place, so it has all of that; and the ways into a pod.
    *same, entry = interactive["rules"]
    assert same == tenant["rules"]
    assert entry["resources"] == ["pods/attach", "pods/exec", "pods/portforward"]


JOBS = {"operator": {"image": {"digest": "sha256:" + "1" * 64}, "settings": {"tasks": "Jobs"}}}


def test_the_operator_may_make_jobs_of_tasks_only_where_they_are_set() -> None:
    def writes(values: dict[str, Any]) -> list[str]:
        policy = only(render(values), "ValidatingAdmissionPolicy", "glovebox-operator-fence")
        variables = {each["name"]: each["expression"] for each in policy["spec"]["variables"]}
        return re.findall("[A-Z]+", variables["taskWrites"])

    assert writes({}) == ["DELETE"], "those of another setting have to go"
    assert writes(JOBS) == ["CREATE", "DELETE"]


def test_the_pods_of_tasks_take_over_what_the_operator_s_pod_was_given() -> None:
    given = {
        "env": [
            {"name": "HTTPS_PROXY", "value": "http://$(HOST):3128"},
            {
                "name": "TOKEN",
                "valueFrom": {"secretKeyRef": {"name": "proxy", "key": "token"}},
            },
        ],
        "imagePullSecrets": [{"name": "registry"}],
        "nodeSelector": {"pool": "platform"},
        "tolerations": [{"key": "platform", "operator": "Exists"}],
    }
    made = render({"operator": {**JOBS["operator"], **given}})
    container = only(made, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    env = {entry["name"]: entry.get("value") for entry in container["env"]}
    told = env[f"{PREFIX}TASK_POD"].replace("$$(", "$(")  # as the kubelet does
    settings = Settings.model_validate({"task_pod": told})
    assert settings.task_pod.model_dump(by_alias=True, mode="json") == given
    in_process = only(render({"operator": given}), "Deployment")
    container = in_process["spec"]["template"]["spec"]["containers"][0]
    assert f"{PREFIX}TASK_POD" not in {entry["name"] for entry in container["env"]}


def test_the_operator_reads_the_secrets_that_are_named_and_no_others() -> None:
    sources = [
        {"namespace": "ml-secrets", "names": ["mlflow", "hub"]},
        {"namespace": "team-flights", "names": ["gcp"]},
    ]
    again = {"namespace": "ml-secrets", "names": ["hub", "wandb"]}
    made = render({"operator": {"secretSources": [*sources, again]}})
    assert (
        len([thing for thing in made if thing["metadata"]["name"] == "glovebox-secret-sources"])
        == 4
    )
    sources[0] = {"namespace": "ml-secrets", "names": ["mlflow", "hub", "wandb"]}
    for each in sources:
        role, binding = (
            next(
                thing
                for thing in made
                if thing["kind"] == kind and thing["metadata"]["namespace"] == each["namespace"]
            )
            for kind in ("Role", "RoleBinding")
        )
        assert role["rules"] == [
            {
                "apiGroups": [""],
                "resources": ["secrets"],
                "resourceNames": each["names"],
                "verbs": ["get"],
            }
        ]
        assert binding["roleRef"]["name"] == role["metadata"]["name"] == "glovebox-secret-sources"
        assert binding["subjects"] == only(made, "RoleBinding", "glovebox-operator")["subjects"]
    without = render({})
    assert not [each for each in without if each["metadata"]["name"] == "glovebox-secret-sources"]


def test_the_pods_of_tasks_reach_stores_alone() -> None:
    spec = only(render(JOBS), "NetworkPolicy", "glovebox-tasks")["spec"]
    assert spec["podSelector"]["matchExpressions"] == [
        {"key": names.LABEL_TASK, "operator": "Exists"}
    ]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in spec
    ports = {port["port"] for rule in spec["egress"] for port in rule["ports"]}
    assert ports == {53, 80, 443, 8333, 9000}
    traces = {"traces": {"endpoint": "http://collector:4318/v1/traces"}}
    traced = only(render({**JOBS, **traces}), "NetworkPolicy", "glovebox-tasks")["spec"]
    assert {port["port"] for rule in traced["egress"] for port in rule["ports"]} - ports == {4318}
    off = render({**JOBS, "networkPolicy": {"enabled": False}})
    assert not [thing for thing in off if thing["kind"] == "NetworkPolicy"]
    assert not [
        each
        for each in render()
        if each["metadata"]["name"] == "glovebox-tasks" and each["kind"] == "NetworkPolicy"
    ]


def test_the_pods_of_tasks_may_send_traces_only_where_the_operator_does() -> None:
    def fence(values: dict[str, Any]) -> str:
        policy = only(render(values), "ValidatingAdmissionPolicy", "glovebox-operator-fence-tasks")
        return str(policy["spec"]["validations"][0]["expression"])

    assert "TRACEPARENT" not in fence(JOBS)
    traced = fence({**JOBS, "traces": {"endpoint": "http://collector:4318/$(x)"}})
    assert '== "http://collector:4318/$$(x)"' in traced, "as the Job has it"
    assert "e.name == 'TRACEPARENT'" in traced


def test_the_quickstart_shows_as_many_kinds_and_guards_as_are_installed() -> None:
    demo = {"guards": {"breakGlassGroups": ["breakers"]}}  # as `demo/preparing.py` installs it
    guards = [each for each in render(demo) if each["kind"] == "ValidatingAdmissionPolicy"]
    text = (ROOT / "docs" / "quickstart.md").read_text()
    shown = re.findall(r"(\d+) kinds, (\d+) guards", text)

    assert shown == [(str(len(KINDS)), str(len(guards)))]


def test_dashboards_are_what_was_generated_and_are_there_on_demand() -> None:
    assert not [each for each in render({}) if "dashboard" in each["metadata"]["name"]]
    wanted = {"enabled": True, "labels": {"folder": "1"}, "annotations": {"place": "Glovebox"}}
    made = [
        each
        for each in render({"metrics": {"dashboards": wanted}})
        if each["kind"] == "ConfigMap" and each["metadata"]["labels"].get("folder") == "1"
    ]
    found = {name: text for each in made for name, text in each["data"].items()}
    files = (CHART / "files" / "dashboards").glob("*.json")
    assert found == {file.name: file.read_text() for file in files}
    assert all(each["metadata"]["annotations"] == {"place": "Glovebox"} for each in made)
