"""What `kubectl get` shows of each kind, and by which fields one may select.

Columns marked wide show with `-o wide`.
"""

from __future__ import annotations

from typing import Final

Column = dict[str, str | int]

WIDE: Final = 1


def _column(
    name: str, path: str, description: str, *, column_type: str = "string", priority: int = 0
) -> Column:
    made: Column = {"name": name, "type": column_type, "jsonPath": path, "description": description}
    if priority:
        made["priority"] = priority
    return made


def _of(condition: str, field: str) -> str:
    return f'.status.conditions[?(@.type=="{condition}")].{field}'


_READY: Final = _column("Ready", _of("Ready", "status"), "Whether the object can be relied on.")
_REASON: Final = _column("Reason", _of("Ready", "reason"), "Why it is Ready or not, in one word.")
_AGE: Final = _column(
    "Age", ".metadata.creationTimestamp", "Time since the object was created.", column_type="date"
)
_MESSAGE: Final = _column(
    "Message", _of("Ready", "message"), "Why it is Ready or not, and the next step.", priority=WIDE
)
_DIGEST: Final = _column("Digest", ".status.digest", "Identity of the content.", priority=WIDE)
_DRIFT: Final = _column(
    "Drift",
    _of("DriftDetected", "status"),
    "Whether something differs from what was declared.",
    priority=WIDE,
)

COLUMNS: Final[dict[str, tuple[Column, ...]]] = {
    "Experiment": (
        _READY,
        _REASON,
        # Of a run that waits, runs or ended alike: `status.run.outcome` comes at its end.
        _column("Run", _of("Succeeded", "reason"), "How far the run is, in one word."),
        _column(
            "Sealed", _of("Sealed", "status"), "Whether the results are listed, signed and closed."
        ),
        # Not "Namespace": with `--all-namespaces` kubectl puts a column of that name in front.
        _column("Own-Namespace", ".status.namespace", "The experiment's own namespace."),
        _AGE,
        _column("Profile", ".spec.profile", "The isolation profile.", priority=WIDE),
        _DIGEST,
        _DRIFT,
        _column(
            "Repairs",
            ".status.drift.repairs",
            "How many differences were repaired.",
            column_type="integer",
            priority=WIDE,
        ),
        _MESSAGE,
    ),
    "DatasetPin": (
        _READY,
        _REASON,
        _column("Objects", ".status.objects", "Number of pinned objects.", column_type="integer"),
        _column(
            "Bytes", ".status.bytes", "Size of all pinned objects together.", column_type="integer"
        ),
        _column(
            "Verified",
            ".status.verifiedTime",
            "Time since all content was last read and hashed.",
            column_type="date",
        ),
        _AGE,
        _column("Store", ".spec.storeRef.name", "The object store.", priority=WIDE),
        _column(
            "Provenance",
            ".status.provenance.level",
            "How much is said of where the data came from: None, Basic or Full.",
            priority=WIDE,
        ),
        _column(
            "Compatibility",
            ".status.evolution.compatibility",
            "How the contract compares with that of the superseded pin.",
            priority=WIDE,
        ),
        # As text, like the end of definitions.
        _column("Kept", ".spec.retention.untilTime", "Until when they may be kept.", priority=WIDE),
        _DIGEST,
        _DRIFT,
        _MESSAGE,
    ),
    "SplitPin": (
        _READY,
        _REASON,
        _column("Source", ".spec.source.pinRef.name", "The DatasetPin that is split."),
        _column("By", ".spec.rule.by", "What decides to which part something belongs."),
        _AGE,
        _column(
            "Granularity", ".spec.granularity", "Whether rows or objects are split.", priority=WIDE
        ),
        _DIGEST,
        _MESSAGE,
    ),
    "FeatureSetPin": (
        _READY,
        _REASON,
        _column("Features", ".status.features", "Number of features.", column_type="integer"),
        _column(
            "Version", ".spec.schemaVersion", "Version of the definitions as their owner counts it."
        ),
        _column("Users", ".status.usedBy.experiments", "How many Experiments use them."),
        # As text: of a date kubectl shows how long ago it was, and `<invalid>` before it comes.
        _column("Expires", ".spec.validity.notAfterTime", "When the definitions end."),
        _column("Successor", ".status.successor.name", "The pin that supersedes this one."),
        _AGE,
        _column(
            "Values",
            ".spec.materialized.pinRef.name",
            "The DatasetPin of the values.",
            priority=WIDE,
        ),
        _DIGEST,
        _MESSAGE,
    ),
    "AccessGrant": (
        _READY,
        _REASON,
        _column("Used", ".status.used", "How many uses were taken.", column_type="integer"),
        _column("Uses", ".spec.uses", "How many uses there are.", column_type="integer"),
        # As text: of a date kubectl shows how long ago it was, and `<invalid>` before it comes.
        _column("Expires", ".spec.expireTime", "When the grant ends."),
        _AGE,
        _column("Namespaces", ".spec.namespaces", "To whom it is granted.", priority=WIDE),
        _column(
            "Content", ".status.contentRoot", "The content root that is granted.", priority=WIDE
        ),
        _MESSAGE,
    ),
    "IsolationProfile": (
        _READY,
        _REASON,
        _column("Security", ".spec.podSecurity", "Pod Security level of experiments."),
        _AGE,
        _column("Description", ".spec.description", "What the profile is for.", priority=WIDE),
        _MESSAGE,
    ),
    "ObjectStore": (
        _READY,
        _REASON,
        _column("Endpoint", ".spec.endpoint", "URL of the S3 endpoint."),
        _column("Bucket", ".spec.artifacts.bucket", "Bucket for artifacts."),
        _AGE,
        _column(
            "Lock",
            _of("LockProven", "status"),
            "Whether the checks of object lock passed.",
            priority=WIDE,
        ),
        _column(
            "Scope",
            _of("CredentialScopeProven", "status"),
            "Whether the checks of the scope of issued credentials passed.",
            priority=WIDE,
        ),
        _column(
            "Proven",
            ".status.lastVerifiedTime",
            "Time since all conformance checks were last made.",
            column_type="date",
            priority=WIDE,
        ),
        _MESSAGE,
    ),
}

# `kubectl get experiments -A --field-selector status.digest=sha256:...` finds equal experiments.
SELECTABLE: Final[dict[str, tuple[str, ...]]] = {
    "Experiment": (
        ".spec.profile",
        ".spec.artifacts.storeRef.name",
        ".status.namespace",
        ".status.digest",
    ),
    "DatasetPin": (".spec.storeRef.name", ".status.digest"),
    "SplitPin": (".status.digest",),
    "FeatureSetPin": (".status.digest",),
}
