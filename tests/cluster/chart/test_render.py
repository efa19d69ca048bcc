"""What the chart renders: complete, strict about its values, and in step with the code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.chart.rendering import CHART, only, render, run_helm
from glovebox import names
from glovebox.settings import PREFIX, Settings

VARIANTS = [pytest.param(path, id=path.stem) for path in sorted((CHART / "ci").glob("*.yaml"))]


@pytest.mark.parametrize("variant", VARIANTS)
def test_helm_lint_is_content(variant: Path) -> None:
    done = run_helm("lint", "--strict", str(CHART), f"--values={variant}")
    assert done.returncode == 0, done.stdout + done.stderr


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
            {"operator": {"replicas": 2}},
            "at '/operator': additional properties 'replicas' not allowed",
            id="two operators at once",
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
            {"operator": {"env": [{"name": "GLOVEBOX_WORKERS"}]}},
            "at '/operator/env/0/name': 'not' failed",
            id="a setting as a variable",
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
    assert sorted(missing) == ["Deployment", "Service"]


def test_the_guards_take_the_release_s_service_account_for_the_operator() -> None:
    policy = only(render(), "ValidatingAdmissionPolicy", "glovebox-operator-fence")
    expected = (
        'request.userInfo.username in ["system:serviceaccount:glovebox-system:glovebox-operator"]'
    )
    assert policy["spec"]["matchConditions"] == [{"name": "the-operator", "expression": expected}]


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
    assert Settings.from_environment(plain) == Settings()
    assert {entry["name"] for entry in container["env"]} <= {
        PREFIX + field.upper() for field in Settings.model_fields
    }
    [port] = container["ports"]
    assert port == {"name": "http", "containerPort": Settings().http_port, "protocol": "TCP"}
    assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "http"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}


def test_only_one_operator_runs_at_a_time() -> None:
    spec = only(render(), "Deployment")["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})


def test_a_selector_never_names_a_version() -> None:
    selector = only(render(), "Deployment")["spec"]["selector"]["matchLabels"]
    assert sorted(selector) == [
        "app.kubernetes.io/component",
        "app.kubernetes.io/instance",
        "app.kubernetes.io/name",
    ]


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
        f"'{names.STATE_OPEN}'",
        f"'{names.STATE_FROZEN}'",
    ):
        assert name in guards, name
    assert "startsWith('gbx-')" in guards
    assert names.experiment_namespace("a", "b", "c").startswith("gbx-")
    only(render(), "ClusterRole", names.TENANT_CLUSTER_ROLE)
