"""The evidence of a sealed Experiment, read from its store as an auditor does."""

from __future__ import annotations

from typing import Any

from glovebox.evidence.verification import Report, verify_evidence
from support.cluster import Cluster
from support.trust import published_keys


def evidence(cluster: Cluster, made: dict[str, Any]) -> dict[str, bytes]:
    """Return the documents of a seal as an auditor finds them, without any code of ours."""
    bucket, folder = made["status"]["seal"]["uri"].removeprefix("s3://").split("/", 1)
    s3 = cluster.store.client()
    keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket, Prefix=folder)["Contents"]]
    return {
        key.removeprefix(folder): s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        for key in keys
    }


def verified(cluster: Cluster, made: dict[str, Any]) -> Report:
    """Verify a seal with the keys that the cluster publishes."""
    documents = evidence(cluster, made)
    return verify_evidence(
        documents["attestation.dsse.json"],
        next(body for name, body in documents.items() if name.startswith("artifacts.")),
        documents["snapshot.json"],
        published_keys(cluster.api),
    )
