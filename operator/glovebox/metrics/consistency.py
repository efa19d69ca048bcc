"""Consistency of lineage and evidence over all resources, kept by each change: nothing is scanned.

What one object says of itself is not enough here: features are expired in one object and used in
another, and data are trained on in one Experiment and tested on in the next. Counts are by content
and by UID, so a scrape costs as much as there are series, which is a handful.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from cryptography import x509

from glovebox import names
from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.kube.kinds import DATASET_PIN, EXPERIMENT, FEATURE_SET_PIN, OBJECT_STORE, SPLIT_PIN
from glovebox.metrics.earliest import Earliest
from glovebox.metrics.moments import unix
from glovebox.status.kstatus import condition_of

K = TypeVar("K", bound=Hashable)

# What names something that is not there, or is another by now.
LINKS: Final = ("source", "split", "input", "reference")
_SOURCE: Final = "spec.provenance.sources["
_LINK_OF: Final = {
    (DATASET_PIN.kind, reasons.SPLIT_NOT_FOUND): "split",
    (DATASET_PIN.kind, reasons.PART_NOT_FOUND): "split",
    (DATASET_PIN.kind, reasons.PART_LOST): "split",
    (SPLIT_PIN.kind, reasons.PIN_NOT_FOUND): "split",
    (FEATURE_SET_PIN.kind, reasons.INPUT_NOT_FOUND): "input",
    (FEATURE_SET_PIN.kind, reasons.INPUT_DIGEST_MISMATCH): "input",
}
_LEARNT: Final = frozenset({"train"})
_JUDGED: Final = frozenset({"validation", "test", "holdout"})
# Of a namespace that is not as declared: it is being made or deleted, which is no fault; or an
# object differs that its profile wants alerted, which `glovebox_drift_outstanding` tells by kind.
_UNDER_WAY: Final = frozenset(
    {
        reasons.DELETING,
        reasons.DRIFT_DETECTED,
        reasons.NAMESPACE_TERMINATING,
        reasons.NOT_LOOKED,
        reasons.PENDING,
        reasons.PROVISIONING,
    }
)
# Whether values are as they are defined; None where a FeatureSetPin names no values.
SCHEMAS: Final = ("Matches", "Differs", types.UNKNOWN, "None")
_SCHEMA: Final = {types.TRUE: SCHEMAS[0], types.FALSE: SCHEMAS[1]}


@dataclass(frozen=True, slots=True)
class Threads:
    """What one object contributes.

    Attributes:
        links: Which of its references are broken.
        uid: Its own UID.
        expired: Whether it is a FeatureSetPin whose validity has ended.
        schema: Whether the values of a FeatureSetPin are as they are defined; empty of others.
        features: UIDs of the FeatureSetPins that an Experiment uses which is bound and not sealed.
        learnt: Content roots that such an Experiment trains on.
        judged: Content roots that such an Experiment validates or tests on.
        incomplete: Whether isolation objects of a bound Experiment are not as declared, and the
            operator says so: they were not restored within the grace time.
        unsealed: Since when a run is over that is not sealed, as Unix time.
        authorities: When the last certificate of a store's `caBundle` ends, as Unix time.
        went_back: Whether the ledger of a store holds less than was seen, and is not continued.
        unwritten: Whether the ledger of a store cannot be written, keys of seals included.
        overdue: Whether evidence of an Experiment could not be written for long.
    """

    links: frozenset[str] = frozenset()
    uid: str = ""
    expired: bool = False
    schema: str = ""
    features: frozenset[str] = frozenset()
    learnt: frozenset[str] = frozenset()
    judged: frozenset[str] = frozenset()
    incomplete: bool = False
    unsealed: float | None = None
    authorities: float | None = None
    went_back: bool = False
    unwritten: bool = False
    overdue: bool = False


def read_threads(obj: Mapping[str, Any]) -> Threads:
    """Return what an object contributes; tolerant, because a metric must never stop a watch."""
    kind, status = obj["kind"], obj.get("status") or {}
    if kind == EXPERIMENT.kind:
        return _of_experiment(obj, status)
    if kind == OBJECT_STORE.kind:
        went_back = _reason(status, types.LEDGER_WRITTEN) == reasons.LEDGER_WENT_BACK
        return Threads(
            authorities=_authorities(obj.get("spec") or {}),
            went_back=went_back,
            unwritten=_is_unwritten(status),
        )
    if kind == FEATURE_SET_PIN.kind:
        return Threads(
            links=_broken(kind, status),
            uid=str(obj["metadata"].get("uid", "")),
            expired=_reason(status, types.RETIRING) == reasons.EXPIRED,
            schema=_schema(obj.get("spec") or {}, status),
        )
    return Threads(links=_broken(kind, status))


class Consistency(Generic[K]):
    """The counts over what all objects contribute."""

    def __init__(self) -> None:
        self._threads: dict[K, Threads] = {}
        self.links: Counter[str] = Counter()
        self.schemas: Counter[str] = Counter()
        self._expired: dict[K, str] = {}
        self._users: Counter[str] = Counter()
        self._learnt: dict[str, set[K]] = {}
        self._judged: dict[str, set[K]] = {}
        self._opposed: set[str] = set()
        self.incomplete = 0
        self.went_back = 0
        self.unwritten = 0
        self.overdue = 0
        self._unsealed: Earliest[K] = Earliest()
        self._authorities: Earliest[K] = Earliest()

    def upsert(self, key: K, obj: Mapping[str, Any]) -> None:
        """Count an object that is new or changed."""
        threads = read_threads(obj)
        if threads != self._threads.get(key):
            self.delete(key)
            self._threads[key] = threads
            self._put(key, threads)

    def delete(self, key: K) -> None:
        """Count an object no more."""
        threads = self._threads.pop(key, None)
        if threads is None:
            return
        self.links.subtract(threads.links)
        self.schemas[threads.schema] -= 1
        self._expired.pop(key, None)
        for uid in threads.features:
            self._users[uid] -= 1
            if not self._users[uid]:
                del self._users[uid]
        for contents, of in ((threads.learnt, self._learnt), (threads.judged, self._judged)):
            for content in contents:
                of[content].discard(key)
                if not of[content]:
                    del of[content]
        self._oppose(threads)
        self.incomplete -= threads.incomplete
        self.went_back -= threads.went_back
        self.unwritten -= threads.unwritten
        self.overdue -= threads.overdue
        self._unsealed.put(key, None)
        self._authorities.put(key, None)

    @property
    def expired_in_use(self) -> int:
        """How many FeatureSetPins are expired, and used by Experiments that are not sealed."""
        return sum(1 for uid in self._expired.values() if self._users[uid])

    @property
    def opposed(self) -> int:
        """How many contents one unsealed Experiment trains on and another one judges by."""
        return len(self._opposed)

    @property
    def oldest_unsealed(self) -> float | None:
        """Since when the oldest run is over that is not sealed; None when there is none."""
        return self._unsealed.first()

    @property
    def first_authorities(self) -> float | None:
        """When the first store is left without an authority that is valid; None without any."""
        return self._authorities.first()

    def _put(self, key: K, threads: Threads) -> None:
        self.links.update(threads.links)
        self.schemas[threads.schema] += 1
        if threads.expired:
            self._expired[key] = threads.uid
        self._users.update(threads.features)
        for content in threads.learnt:
            self._learnt.setdefault(content, set()).add(key)
        for content in threads.judged:
            self._judged.setdefault(content, set()).add(key)
        self._oppose(threads)
        self.incomplete += threads.incomplete
        self.went_back += threads.went_back
        self.unwritten += threads.unwritten
        self.overdue += threads.overdue
        self._unsealed.put(key, threads.unsealed)
        self._authorities.put(key, threads.authorities)

    def _oppose(self, threads: Threads) -> None:
        for content in threads.learnt | threads.judged:
            learn, judge = self._learnt.get(content, set()), self._judged.get(content, set())
            # One Experiment that does both was allowed to, with a reason, or was refused. Thousands
            # may share a content: nothing is united.
            is_one = len(learn) == 1 and learn == judge
            if learn and judge and not is_one:
                self._opposed.add(content)
            else:
                self._opposed.discard(content)


def _of_experiment(obj: Mapping[str, Any], status: Mapping[str, Any]) -> Threads:
    spec = obj.get("spec") or {}
    if status.get("seal"):
        return Threads(incomplete=_is_incomplete(obj, status), overdue=_is_overdue(status))
    entries = status.get("inputs") or ()
    datasets = (spec.get("inputs") or {}).get("datasets") or ()
    roles = {entry.get("name"): entry.get("role") for entry in datasets}

    def contents(wanted: frozenset[str]) -> frozenset[str]:
        return frozenset(
            str(entry["digest"])
            for entry in entries
            if entry.get("kind") == DATASET_PIN.kind
            and entry.get("digest")
            and roles.get(entry.get("name")) in wanted
        )

    return Threads(
        features=frozenset(
            str(entry["uid"])
            for entry in entries
            if entry.get("kind") == FEATURE_SET_PIN.kind and entry.get("uid")
        ),
        learnt=contents(_LEARNT),
        judged=contents(_JUDGED),
        incomplete=_is_incomplete(obj, status),
        unsealed=_waits_for_seal(spec, status),
        overdue=_is_overdue(status),
    )


def _is_overdue(status: Mapping[str, Any]) -> bool:
    return _reason(status, types.EVIDENCE_WRITTEN) == reasons.EVIDENCE_OVERDUE


def _is_unwritten(status: Mapping[str, Any]) -> bool:
    entry = condition_of(status, types.LEDGER_WRITTEN)
    if entry is None or entry["reason"] == reasons.NOT_LOOKED:
        return False
    return bool(entry["status"] != types.TRUE)


def _waits_for_seal(spec: Mapping[str, Any], status: Mapping[str, Any]) -> float | None:
    # Frozen, by its user or for a broken input, is not to be sealed: it waits for somebody's word.
    frozen = (spec.get("lifecycle") or {}).get("desired") == names.STATE_FROZEN
    held = frozen or bool(status.get("brokenInputs"))
    if held and status.get("state") != names.STATE_SEALED:
        return None
    return unix((status.get("run") or {}).get("completionTime"))


def _is_incomplete(obj: Mapping[str, Any], status: Mapping[str, Any]) -> bool:
    entry = condition_of(status, types.NAMESPACE_READY)
    if entry is None or not status.get("state") or obj["metadata"].get("deletionTimestamp"):
        return False
    return entry["status"] == types.FALSE and entry["reason"] not in _UNDER_WAY


def _broken(kind: str, status: Mapping[str, Any]) -> frozenset[str]:
    link = _LINK_OF.get((kind, _reason(status, types.READY)))
    found = {link} if link else set()
    if kind == DATASET_PIN.kind:
        gaps = (status.get("provenance") or {}).get("gaps") or ()
        leads_nowhere = any(str(gap.get("field", "")).startswith(_SOURCE) for gap in gaps)
        # Of those that nobody knows yet alone the reason is another.
        if leads_nowhere and _reason(status, types.PROVENANCE_COMPLETE) == reasons.PROVENANCE_GAPS:
            found.add("source")
        if _reason(status, types.DISTRIBUTION_STABLE) == reasons.REFERENCE_GONE:
            found.add("reference")
    return frozenset(found)


def _schema(spec: Mapping[str, Any], status: Mapping[str, Any]) -> str:
    if not spec.get("materialized"):
        return SCHEMAS[-1]
    entry = condition_of(status, types.SCHEMA_MATCHES)
    return _SCHEMA.get("" if entry is None else str(entry["status"]), types.UNKNOWN)


def _reason(status: Mapping[str, Any], condition: str) -> str:
    entry = condition_of(status, condition)
    return "" if entry is None else str(entry["reason"])


def _authorities(spec: Mapping[str, Any]) -> float | None:
    bundle = (spec.get("tls") or {}).get("caBundle")
    if not bundle:
        return None
    try:
        certificates = x509.load_pem_x509_certificates(bundle.encode())
        # While authorities change both are listed: what counts is the last to end.
        return max((each.not_valid_after_utc.timestamp() for each in certificates), default=None)
    except ValueError:
        return None
