"""Why a Job's pod is not made, as the real Job controller tells it in Events."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from glovebox.api import reasons
from glovebox.controllers.job_waits import look_at_job
from glovebox.kube.client import Client
from glovebox.status.job_waits import Wait
from support.api import Api, ApiError
from support.waiting import eventually

ADMISSION = "/apis/admissionregistration.k8s.io/v1"
JOB: dict[str, Any] = {
    "metadata": {"name": "glovebox-run"},
    "spec": {
        "template": {
            "spec": {
                "restartPolicy": "Never",
                "containers": [{"name": "run", "image": "registry.example/x", "command": ["x"]}],
            }
        }
    },
}


def no_room(api: Api, namespace: str) -> None:
    """A quota that is used up before anybody asks."""
    quota = {"metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}}
    api.create(f"/api/v1/namespaces/{namespace}/resourcequotas", quota)


def forbidden(api: Api, namespace: str) -> None:
    """A policy of the platform that admits no pods."""
    selector = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    rule = {
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "resources": ["pods"],
        "operations": ["CREATE"],
    }
    api.create(
        f"{ADMISSION}/validatingadmissionpolicies",
        {
            "metadata": {"name": namespace},
            "spec": {
                "matchConstraints": {"namespaceSelector": selector, "resourceRules": [rule]},
                "validations": [{"expression": "false", "message": "no pods on Saturdays"}],
            },
        },
    )
    api.create(
        f"{ADMISSION}/validatingadmissionpolicybindings",
        {
            "metadata": {"name": namespace},
            "spec": {"policyName": namespace, "validationActions": ["Deny"]},
        },
    )

    pod = {"metadata": {"generateName": "try-"}, "spec": JOB["spec"]["template"]["spec"]}

    def is_active() -> bool:
        try:
            api.create(f"/api/v1/namespaces/{namespace}/pods", pod, dryRun="All")
        except ApiError as refused:
            return "Saturdays" in str(refused)
        return False

    eventually(is_active, what="the policy is active", timeout=20)


@pytest.mark.parametrize(
    ("hindrance", "reason", "words"),
    [
        (no_room, reasons.QUOTA_EXCEEDED, "exceeded quota: none, requested: pods=1"),
        (forbidden, reasons.POD_REFUSED, "no pods on Saturdays"),
    ],
)
async def test_the_api_servers_words_are_told(
    client: Client, api: Api, namespace: str, hindrance: Any, reason: str, words: str
) -> None:
    hindrance(api, namespace)
    job = api.create(f"/apis/batch/v1/namespaces/{namespace}/jobs", JOB)
    ports: Any = SimpleNamespace(reader=client, now=lambda: datetime.now(UTC))
    wait: Wait | None = None
    async with asyncio.timeout(30):
        while wait is None or wait.reason == reasons.RUN_PENDING:
            await asyncio.sleep(0.2)
            wait = (await look_at_job(ports, job, [])).wait
    assert wait.reason == reason
    assert words in wait.message
    assert "glovebox-run-" not in wait.message, "each attempt has another name"
