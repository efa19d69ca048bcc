"""What everybody may do is a committed table, and grows only with it."""

from __future__ import annotations

import re

import pytest

from cluster.chart.rendering import ROOT, Manifest, render

DOCUMENT = ROOT / "docs" / "reference" / "permissions.md"
ROLES = {"ClusterRole", "Role"}


def granted(role: Manifest) -> dict[str, str]:
    """Return what a role grants.

    Verbs by resource, where a resource is `group/resource` and perhaps the only names.
    """
    table: dict[str, str] = {}
    for rule in role["rules"]:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                only = ", ".join(f"`{name}`" for name in rule.get("resourceNames", []))
                key = f"`{group or 'core'}/{resource}`" + (f" named {only}" if only else "")
                verbs = {*table.get(key, "").split(), *rule["verbs"]}
                table[key] = " ".join(sorted(verbs))
    return table


def documented() -> dict[str, dict[str, str]]:
    """Return the tables of the reference page: verbs by resource, by the heading above."""
    tables: dict[str, dict[str, str]] = {}
    heading = ""
    for line in DOCUMENT.read_text().splitlines():
        if line.startswith("## "):
            heading = line.removeprefix("## ").strip("`")
        elif match := re.match(r"\| (`[^|]+) \| ([a-z ]+) \|", line):
            tables.setdefault(heading, {})[match[1]] = match[2]
    return tables


def test_the_roles_are_exactly_those_of_the_reference_page() -> None:
    roles = {
        f"{role['metadata']['name']} ({role['kind']})": granted(role)
        for role in render()
        if role["kind"] in ROLES
    }
    assert roles == documented()


@pytest.mark.parametrize("kind", sorted(ROLES))
def test_no_rule_has_a_wildcard_or_a_verb_that_escalates(kind: str) -> None:
    for role in render():
        if role["kind"] != kind:
            continue
        for rule in role["rules"]:
            assert "*" not in str(rule), role["metadata"]["name"]
            assert not {"escalate", "impersonate"} & set(rule["verbs"]), role["metadata"]["name"]
            if "bind" in rule["verbs"]:
                assert rule["resourceNames"] == ["glovebox-tenant", "glovebox-tenant-interactive"]


def test_nothing_joins_the_roles_that_every_cluster_has() -> None:
    for role in render():
        if role["kind"] in ROLES:
            assert not [label for label in role["metadata"]["labels"] if "aggregate-to" in label]
            assert "aggregationRule" not in role


def test_nobody_is_bound_but_the_operator_and_everybody_to_the_public_keys() -> None:
    bindings = [
        thing
        for thing in render()
        if thing["kind"].endswith("RoleBinding") or thing["kind"] == "RoleBinding"
    ]
    assert sorted((thing["kind"], thing["roleRef"]["name"]) for thing in bindings) == [
        ("ClusterRoleBinding", "glovebox-operator"),
        ("RoleBinding", "glovebox-operator"),
        ("RoleBinding", "glovebox-signing-keys"),
    ]
    own = {"kind": "ServiceAccount", "name": "glovebox-operator", "namespace": "glovebox-system"}
    everybody = {
        "apiGroup": "rbac.authorization.k8s.io",
        "kind": "Group",
        "name": "system:authenticated",
    }
    for thing in bindings:
        is_of_keys = thing["roleRef"]["name"] == "glovebox-signing-keys"
        assert thing["subjects"] == [everybody if is_of_keys else own]
