"""The credentials that a pod of an experiment is given, read out of its Secret."""

from __future__ import annotations

import configparser
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from typing import Any

from glovebox import names
from glovebox.desired.session_secret import session_annotations
from support.api import Api
from support.operator_process import Team

SECRET = "glovebox-artifacts-credentials"


def session_in(
    team: Team, namespace: str, secret: str = SECRET, file: str = "credentials"
) -> dict[str, str]:
    """Return a session as an AssumeRole answer names its parts.

    Args:
        team: Whose cluster.
        namespace: The experiment's.
        secret: The Secret.
        file: The file in it.
    """
    found = team.api.get(f"/api/v1/namespaces/{namespace}/secrets/{secret}")
    keys = configparser.ConfigParser()
    keys.read_string(b64decode(found["data"][file]).decode())
    own = keys["default"]
    return {
        "AccessKeyId": own["aws_access_key_id"],
        "SecretAccessKey": own["aws_secret_access_key"],
        "SessionToken": own["aws_session_token"],
    }


def make_due(rogue: Api, path: str, *, seconds: float = 60, **changes: Any) -> str:
    """Have credentials look as if they had been issued long ago; return when they end.

    Args:
        rogue: Who passes the guards.
        path: Of the Secret.
        seconds: How long they are good yet.
        changes: Further fields of the Secret.
    """
    end = datetime.now(UTC) + timedelta(seconds=seconds)
    annotations = session_annotations(rogue.get(path)["data"], end)
    rogue.patch(path, {"metadata": {"annotations": annotations}, **changes})
    return annotations[names.ANNOTATION_CREDENTIALS_EXPIRE_TIME]


def write_artifact(team: Team, made: dict[str, Any], name: str, body: bytes) -> str:
    """Write a result of an Experiment with its run's own credentials; return its version id."""
    s3 = team.cluster.store.client(session=session_in(team, made["status"]["namespace"]))
    bucket, prefix = made["status"]["artifacts"]["uri"].removeprefix("s3://").split("/", 1)
    version: str = s3.put_object(Bucket=bucket, Key=f"{prefix}{name}", Body=body)["VersionId"]
    return version
