"""Who wrote a field: read from managed fields as the API server writes them."""

from __future__ import annotations

from typing import Any

import pytest

from glovebox.desired.writers import Writer, writer_of

EARLY, LATE, LATEST = "2026-11-21T10:00:00Z", "2026-11-21T10:00:05Z", "2026-11-21T10:00:09Z"


def entry(
    manager: str,
    time: str,
    fields: dict[str, Any],
    *,
    operation: str = "Update",
    subresource: str = "",
) -> dict[str, Any]:
    made = {
        "manager": manager,
        "operation": operation,
        "apiVersion": "v1",
        "time": time,
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    }
    return made | ({"subresource": subresource} if subresource else {})


QUOTA = {
    "metadata": {
        "labels": {"ours": "1", "theirs": "2"},
        "managedFields": [
            entry(
                "glovebox",
                EARLY,
                {
                    "f:metadata": {"f:labels": {".": {}, "f:ours": {}}},
                    "f:spec": {"f:hard": {".": {}, "f:pods": {}, "f:requests.cpu": {}}},
                },
            ),
            entry(
                "kubectl-edit",
                LATE,
                {
                    "f:metadata": {"f:labels": {"f:theirs": {}}},
                    "f:spec": {"f:hard": {"f:pods": {}}},
                },
            ),
            entry(
                "kube-controller-manager",
                LATEST,
                {"f:status": {"f:hard": {}}},
                subresource="status",
            ),
        ],
    },
    "spec": {"hard": {"pods": "1", "requests.cpu": "2"}},
}
POLICY = {
    "metadata": {
        "managedFields": [
            entry("glovebox", EARLY, {"f:spec": {"f:policyTypes": {}, "f:egress": {}}}),
            entry("argocd", LATE, {"f:spec": {"f:ingress": {}}}, operation="Apply"),
        ]
    },
    "spec": {"egress": [{}], "ingress": [{}], "policyTypes": ["Egress"]},
}
SERVICE = {
    "metadata": {
        "finalizers": ["a/b"],
        "managedFields": [
            entry(
                "maker",
                EARLY,
                {
                    "f:spec": {
                        "f:ports": {
                            ".": {},
                            'k:{"port":80,"protocol":"TCP"}': {".": {}, "f:port": {}},
                        }
                    }
                },
            ),
            entry(
                "rival",
                LATE,
                {
                    "f:spec": {
                        "f:ports": {
                            'k:{"port":443,"protocol":"TCP"}': {".": {}, "f:port": {}, "f:name": {}}
                        }
                    }
                },
            ),
            entry("keeper", LATEST, {"f:metadata": {"f:finalizers": {".": {}, 'v:"a/b"': {}}}}),
        ],
    },
    "spec": {
        "ports": [{"port": 80, "protocol": "TCP"}, {"port": 443, "protocol": "TCP", "name": "x"}]
    },
}

CASES: list[tuple[str, dict[str, Any], str, Writer | None]] = [
    (
        "a key that the rival took over",
        QUOTA,
        "spec.hard.pods",
        Writer("kubectl-edit", "Update", LATE),
    ),
    (
        "a key that is still ours",
        QUOTA,
        "spec.hard['requests.cpu']",
        Writer("glovebox", "Update", EARLY),
    ),
    (
        "a label that the rival added",
        QUOTA,
        "metadata.labels.theirs",
        Writer("kubectl-edit", "Update", LATE),
    ),
    (
        "a key that is gone is laid at the door of the last stranger, not of who writes status",
        QUOTA,
        "spec.hard.secrets",
        Writer("kubectl-edit", "Update", LATE),
    ),
    (
        "status belongs to who writes it",
        QUOTA,
        "status.hard.pods",
        Writer("kube-controller-manager", "Update", LATEST, "status"),
    ),
    (
        "an atomic list belongs to who wrote it, however deep the path",
        POLICY,
        "spec.egress[0].ports",
        Writer("glovebox", "Update", EARLY),
    ),
    ("a whole list added by apply", POLICY, "spec.ingress", Writer("argocd", "Apply", LATE)),
    ("an item of a keyed list", SERVICE, "spec.ports[1].name", Writer("rival", "Update", LATE)),
    (
        "another item of the same list",
        SERVICE,
        "spec.ports[0].port",
        Writer("maker", "Update", EARLY),
    ),
    ("an item of a set", SERVICE, "metadata.finalizers[0]", Writer("keeper", "Update", LATEST)),
    ("a live object without managed fields tells nothing", {"metadata": {}}, "spec.x", None),
]


@pytest.mark.parametrize(
    ("why", "live", "path", "expected"), CASES, ids=[case[0] for case in CASES]
)
def test_the_writer_of_a_field(
    why: str, live: dict[str, Any], path: str, expected: Writer | None
) -> None:
    assert writer_of(live, path) == expected, why


def test_nobody_is_accused_of_removing_a_field_who_wrote_before_us() -> None:
    live = {
        "metadata": {
            "managedFields": [
                entry("old", EARLY, {"f:x": {}}),
                entry("glovebox", LATE, {"f:spec": {"f:a": {}}}),
            ]
        }
    }
    assert writer_of(live, "spec.b") is None


def test_of_two_owners_the_later_is_named() -> None:
    fields: dict[str, Any] = {"f:spec": {"f:a": {}}}
    live = {
        "metadata": {"managedFields": [entry("late", LATE, fields), entry("early", EARLY, fields)]},
        "spec": {"a": 1},
    }
    assert writer_of(live, "spec.a") == Writer("late", "Update", LATE)


def test_a_writer_reads_as_who_and_when() -> None:
    assert str(Writer("kubectl-edit", "Update", LATE)) == f"kubectl-edit at {LATE}"
    assert str(Writer("kcm", "Update", LATE, "status")) == f"kcm through status at {LATE}"
    assert str(Writer("old", "Update")) == "old"
