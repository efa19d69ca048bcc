"""First chapter: the operator in the cluster, and the data in the store."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from glovebox import names
from glovebox_local.demo import loading
from glovebox_local.demo.flights import DataFile, read_files
from glovebox_local.demo.stage import ADMIN, BREAK_GLASS_GROUP, Stage
from glovebox_local.errors import LocalError
from glovebox_local.operator_process import OPERATOR_NAMESPACE

if TYPE_CHECKING:
    from glovebox_local.progress import Step

CREDENTIALS = "primary-store-credentials"
_HELM_TIMEOUT = 180.0
_GUARD = "glovebox-namespaces"
_GUARD_TIMEOUT = 60.0
_POLL_INTERVAL = 0.2


def install_chart(stage: Stage, step: Step) -> None:
    """Install CRDs, guards and rights by helm, and the operator where nodes in containers run it.

    Raises:
        LocalError: Helm failed.
    """
    store = urlsplit(stage.environment.access_for_pods.endpoint).port
    values = {
        "operator": stage.operator.values,
        "guards": {"breakGlassGroups": [BREAK_GLASS_GROUP]},
        # The store of this machine has a port of its own.
        "networkPolicy": {"stores": {"ports": [store]}},
    }
    chart = str(stage.repository / "helm" / "glovebox")
    command = (
        "upgrade",
        "--install",
        "glovebox",
        chart,
        f"--namespace={OPERATOR_NAMESPACE}",
        "--create-namespace",
        "--wait",
        "--values=-",
    )
    stage.tools.helm(*command, stdin=json.dumps(values), timeout=_HELM_TIMEOUT)
    policies = stage.tools.get(
        "validatingadmissionpolicies", selector="app.kubernetes.io/name=glovebox"
    )["items"]
    kinds = [
        line
        for line in stage.tools.kubectl(
            "api-resources", "--api-group=glovebox.dev", "--no-headers"
        ).splitlines()
        if line.strip()
    ]
    step.say(f"{len(kinds)} kinds, {len(policies)} guards")


def start_operator(stage: Stage, step: Step) -> None:
    """Have the operator run.

    Raises:
        LocalError: It ended, or was not ready in time.
    """
    stage.operator.start(step)


def hand_over_keys(stage: Stage, step: Step) -> None:
    """Put the operator's keys of the store into the Secret that the ObjectStore names.

    Raises:
        LocalError: kubectl failed.
    """
    keys = stage.environment.access.operator
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": CREDENTIALS, "namespace": OPERATOR_NAMESPACE},
        "stringData": {
            "accessKeyId": keys.access_key_id,
            "secretAccessKey": keys.secret_access_key,
        },
    }
    # On standard input: arguments can be read by every user of the machine.
    # kubectl itself would note the whole of it in an annotation, which tools show that hide data.
    stage.tools.kubectl("apply", "--server-side", "--filename=-", stdin=json.dumps(secret))
    step.say(f"Secret {OPERATOR_NAMESPACE}/{CREDENTIALS}")


def load_data(stage: Stage, step: Step) -> None:
    """Write the flights of 2013 as Parquet and load them into a versioned bucket.

    Raises:
        LocalError: The package is missing, or the store refused.
    """
    rows = 0
    files: list[DataFile] = []
    for file in read_files(step.say):
        files.append(file)
        rows += file.rows
    loaded = loading.load(stage.environment.access, files, step.say)
    step.say(
        f"{rows:,} records, {loaded.objects} files, {loaded.bytes / 1e6:.1f} MB in"
        f" s3://{loading.BUCKET}"
    )


def wait_for_guards(stage: Stage, step: Step) -> None:
    """Wait until the API server refuses what the guards forbid.

    It takes new policies up some seconds after their creation.

    Raises:
        LocalError: They do not act.
    """
    decoy = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "gbx-decoy", "labels": {names.LABEL_EXPERIMENT_UID: "none"}},
    }
    deadline = time.monotonic() + _GUARD_TIMEOUT
    while True:
        answer = stage.tools.try_kubectl(
            "create", "--dry-run=server", "--filename=-", person=ADMIN, stdin=json.dumps(decoy)
        )
        if _GUARD in answer.err:
            step.say("a forged namespace is refused")
            return
        if time.monotonic() > deadline:
            raise LocalError(
                "Waiting for the guards",
                f"after {_GUARD_TIMEOUT:.0f} s a forged namespace still gives: {answer.text}",
            )
        time.sleep(_POLL_INTERVAL)
