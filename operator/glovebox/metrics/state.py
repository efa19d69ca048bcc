"""State metrics, read from running counts at a scrape: its cost is the number of its series."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Final, TypeVar

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from glovebox.api import conditions as types
from glovebox.api.data_terms import PROVENANCE_LEVELS
from glovebox.api.evolution import COMPATIBILITIES
from glovebox.kube.kinds import CHILD_KINDS, CUSTOM_KINDS, DATASET_PIN
from glovebox.metrics import one_by_one
from glovebox.metrics.consistency import LINKS, SCHEMAS
from glovebox.metrics.facts import (
    CONTRACTS,
    DISTRIBUTIONS,
    FEATURE_SETS,
    LEVELS,
    NOTHING_SUPERSEDED,
    PIN_ENDS,
    PROOFS,
    STATES,
)
from glovebox.metrics.tally import USERS, StateTally
from glovebox.status.kstatus import RESULTS

K = TypeVar("K", bound=Hashable)

# More unhealthy objects than this get no series of their own: the totals still count them.
MOST_OBJECT_SERIES: Final = 500


class StateCollector(Collector):
    """Shows the custom resources by what a waiting program would think of them.

    Args:
        tally: The running counts over the cache of custom resources.
        queues: Names and lengths of the work queues: ready keys, and age of the oldest in seconds.
        reflectors: When each child kind was last heard of, as a Unix time.
        sweeps: When each of our own kinds was last listed and compared whole, as a Unix time.
        canary: For how long what is known of the Lease has not come back by its watch (seconds);
            None: there is no Lease.
        drifting: The kinds of objects that differ now, one entry for each object.
        most_experiments: So many Experiments have series of their own.
        tells_lineage: Whether events of lineage are written.
        late_listings: How many last listings of Experiments that are gone are overdue.
    """

    def __init__(
        self,
        tally: StateTally[K],
        *,
        queues: Callable[[], Mapping[str, tuple[int, float]]],
        reflectors: Callable[[], Mapping[str, float]],
        sweeps: Callable[[], Mapping[str, float]],
        drifting: Callable[[], Iterable[str]],
        canary: Callable[[], float] | None = None,
        tells_lineage: bool = False,
        most_experiments: int = 0,
        late_listings: Callable[[], int] = lambda: 0,
    ) -> None:
        self._tally = tally
        self._queues = queues
        self._reflectors = reflectors
        self._sweeps = sweeps
        self._drifting = drifting
        self._canary = canary
        self._tells_lineage = tells_lineage
        self._most_experiments = most_experiments
        self._late_listings = late_listings

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Yield the families as they are at this moment."""
        yield from self._objects()
        yield from self._experiments()
        yield from self._pins()
        yield from self._datasets()
        yield from self._consistency()
        yield from self._engine()
        yield from one_by_one.families(self._tally.newest.first(self._most_experiments))

    def _objects(self) -> Iterable[GaugeMetricFamily]:
        objects = GaugeMetricFamily(
            "glovebox_objects", "Custom resources by kstatus result.", labels=("kind", "status")
        )
        unobserved = GaugeMetricFamily(
            "glovebox_objects_unobserved",
            "Custom resources whose generation is not observed yet.",
            labels=("kind",),
        )
        for kind in CUSTOM_KINDS:
            for result in RESULTS:
                objects.add_metric((kind.kind, result), self._tally.results[kind.kind, result])
            unobserved.add_metric((kind.kind,), self._tally.unobserved[kind.kind])
        unhealthy = GaugeMetricFamily(
            "glovebox_object_unhealthy",
            "1 for each object that is not Current.",
            labels=("kind", "resource_namespace", "name", "reason"),
        )
        for labels in self._tally.unhealthy(MOST_OBJECT_SERIES):
            unhealthy.add_metric(labels, 1)
        left_out = GaugeMetricFamily(
            "glovebox_metrics_series_left_out",
            "Per-object series cut by the cap in this scrape.",
            value=max(0, self._tally.number_unhealthy - MOST_OBJECT_SERIES)
            + max(0, self._tally.number_moved - MOST_OBJECT_SERIES)
            + max(0, self._tally.number_violations - MOST_OBJECT_SERIES),
        )
        hidden = GaugeMetricFamily(
            "glovebox_experiments_left_out",
            "Experiments without series of their own, beyond the newest.",
            value=max(0, len(self._tally.newest) - self._most_experiments),
        )
        yield from (objects, unobserved, unhealthy, left_out, hidden)

    def _experiments(self) -> Iterable[GaugeMetricFamily]:
        isolated = GaugeMetricFamily(
            "glovebox_experiments_isolated",
            "Experiments by what is proven of their isolation.",
            labels=("status",),
        )
        for answer in (types.TRUE, types.FALSE, types.UNKNOWN):
            isolated.add_metric((answer,), self._tally.isolated[answer])
        outstanding = GaugeMetricFamily(
            "glovebox_drift_outstanding",
            "Objects that differ and are not repaired.",
            labels=("managed_kind",),
        )
        drifting = Counter(self._drifting())
        for kind in CHILD_KINDS:
            outstanding.add_metric((kind.kind,), drifting[kind.kind])
        expiry = GaugeMetricFamily(
            "glovebox_credentials_earliest_expiry_timestamp_seconds",
            "The next credentials to expire.",
            labels=("type",),
        )
        first = self._tally.expiries.first()
        if first is not None:
            expiry.add_metric(("s3",), first)
        yield from (isolated, outstanding, expiry)

    def _pins(self) -> Iterable[GaugeMetricFamily]:
        mismatches = GaugeMetricFamily(
            "glovebox_digest_mismatches", "Pins whose objects do not match now.", labels=("kind",)
        )
        mismatches.add_metric((DATASET_PIN.kind,), self._tally.mismatches)
        checks = GaugeMetricFamily(
            "glovebox_digest_oldest_check_timestamp_seconds",
            "When the least recently checked pin was checked.",
            labels=("kind",),
        )
        first = self._tally.checks.first()
        if first is not None:
            checks.add_metric((DATASET_PIN.kind,), first)
        provenance = GaugeMetricFamily(
            "glovebox_pins_by_provenance",
            "DatasetPins by how much they say of where their data came from.",
            labels=("level",),
        )
        for level in (*PROVENANCE_LEVELS, types.UNKNOWN):
            provenance.add_metric((level,), self._tally.provenance[level])
        contracts = GaugeMetricFamily(
            "glovebox_pins_by_contract",
            "DatasetPins by whether their data hold what their contract says.",
            labels=("state",),
        )
        for state in CONTRACTS:
            contracts.add_metric((state,), self._tally.contracts[state])
        violations = GaugeMetricFamily(
            "glovebox_pin_contract_violations",
            "Violations of the contract of each pin that breaks it, by rule: columns of files.",
            labels=("resource_namespace", "name", "rule"),
        )
        for namespace, name, rule, number in self._tally.violations(MOST_OBJECT_SERIES):
            violations.add_metric((namespace, name, rule), number)
        compatibilities = GaugeMetricFamily(
            "glovebox_pins_by_compatibility",
            "DatasetPins by how their contract compares with that of the pin they supersede.",
            labels=("compatibility",),
        )
        for found in (*COMPATIBILITIES, NOTHING_SUPERSEDED):
            compatibilities.add_metric((found,), self._tally.compatibilities[found])
        distributions = GaugeMetricFamily(
            "glovebox_pins_by_distribution",
            "DatasetPins by whether their data moved against another pin: drift of data.",
            labels=("state",),
        )
        for state in DISTRIBUTIONS:
            distributions.add_metric((state,), self._tally.distributions[state])
        psi = GaugeMetricFamily(
            "glovebox_distribution_worst_psi",
            "The greatest PSI of all columns of each pin whose data moved.",
            labels=("resource_namespace", "name"),
        )
        for namespace, name, value in self._tally.moved(MOST_OBJECT_SERIES):
            psi.add_metric((namespace, name), value)
        ends = GaugeMetricFamily(
            "glovebox_pins_by_end",
            "DatasetPins by whether their validity or their retention ends.",
            labels=("state",),
        )
        for state in PIN_ENDS:
            ends.add_metric((state,), self._tally.pin_ends[state])
        yield from (mismatches, checks, provenance, contracts, violations, compatibilities, ends)
        yield from (distributions, psi)
        yield from self._proofs()
        yield from self._feature_sets()

    def _proofs(self) -> Iterable[GaugeMetricFamily]:
        proven = GaugeMetricFamily(
            "glovebox_pin_oldest_proof_timestamp_seconds",
            "When the least recently proven pin was proven, by level.",
            labels=("level",),
        )
        for level in LEVELS:
            oldest = self._tally.proven[level].first()
            if oldest is not None:
                proven.add_metric((level,), oldest)
        proofs = GaugeMetricFamily(
            "glovebox_pins_by_proofs",
            "DatasetPins by whether their proofs are as recent as they have to be.",
            labels=("state",),
        )
        for state in PROOFS:
            proofs.add_metric((state,), self._tally.proofs[state])
        yield from (proven, proofs)

    def _feature_sets(self) -> Iterable[GaugeMetricFamily]:
        feature_sets = GaugeMetricFamily(
            "glovebox_feature_sets",
            "FeatureSetPins by whether they go out of use.",
            labels=("state",),
        )
        for state in FEATURE_SETS:
            feature_sets.add_metric((state,), self._tally.feature_sets[state])
        yield feature_sets

    def _datasets(self) -> Iterable[GaugeMetricFamily]:
        states = GaugeMetricFamily(
            "glovebox_experiments", "Experiments by state.", labels=("state",)
        )
        for state in STATES:
            states.add_metric((state,), self._tally.states[state])
        datasets = GaugeMetricFamily(
            "glovebox_datasets",
            "Distinct contents that are pinned or used, by how many bound Experiments use them.",
            labels=("users",),
        )
        for users in USERS:
            datasets.add_metric((users,), self._tally.datasets[users])
        unwritten = GaugeMetricFamily(
            "glovebox_lineage_unwritten_experiments",
            "Sealed Experiments whose end is not written as an event; absent without lineage.",
        )
        if self._tells_lineage:
            unwritten.add_metric((), self._tally.unwritten)
        yield from (states, datasets, unwritten)

    def _consistency(self) -> Iterable[GaugeMetricFamily]:
        found = self._tally.consistency
        links = GaugeMetricFamily(
            "glovebox_broken_links",
            "Pins that name what they come from, which is not there, or is another by now.",
            labels=("link",),
        )
        for link in LINKS:
            links.add_metric((link,), found.links[link])
        schemas = GaugeMetricFamily(
            "glovebox_feature_sets_by_schema",
            "FeatureSetPins by whether their values are as they are defined.",
            labels=("state",),
        )
        for state in SCHEMAS:
            schemas.add_metric((state,), found.schemas[state])
        yield from (links, schemas)
        yield GaugeMetricFamily(
            "glovebox_expired_feature_sets_in_use",
            "FeatureSetPins that are expired, and used by Experiments that are not sealed.",
            value=found.expired_in_use,
        )
        yield GaugeMetricFamily(
            "glovebox_datasets_in_opposed_roles",
            "Contents that one unsealed Experiment trains on and another validates or tests on.",
            value=found.opposed,
        )
        yield GaugeMetricFamily(
            "glovebox_experiments_isolation_incomplete",
            "Bound Experiments whose isolation objects are not as declared, nor restored in time.",
            value=found.incomplete,
        )
        yield GaugeMetricFamily(
            "glovebox_ledgers_went_back",
            "ObjectStores whose ledger holds less than was seen signed: it is not continued.",
            value=found.went_back,
        )
        yield GaugeMetricFamily(
            "glovebox_ledgers_unwritten",
            "ObjectStores whose ledger cannot be written, entries of keys of seals included.",
            value=found.unwritten,
        )
        yield GaugeMetricFamily(
            "glovebox_evidence_overdue",
            "Experiments with a conclusion, a record of a run or a last listing that could not be"
            " written for a quarter of an hour.",
            value=found.overdue,
        )
        yield GaugeMetricFamily(
            "glovebox_last_listings_overdue",
            "Last listings of Experiments that are gone which could not be signed for a quarter of"
            " an hour.",
            value=self._late_listings(),
        )
        unsealed = GaugeMetricFamily(
            "glovebox_seal_oldest_waiting_timestamp_seconds",
            "When the run ended that has waited longest for its seal; absent when none waits.",
        )
        authorities = GaugeMetricFamily(
            "glovebox_store_authorities_earliest_expiry_timestamp_seconds",
            "When the first ObjectStore is left without a valid authority in its `caBundle`.",
        )
        for family, value in (
            (unsealed, found.oldest_unsealed),
            (authorities, found.first_authorities),
        ):
            if value is not None:
                family.add_metric((), value)
            yield family

    def _engine(self) -> Iterable[GaugeMetricFamily]:
        depth = GaugeMetricFamily(
            "glovebox_queue_depth", "Keys ready to be worked on.", labels=("queue",)
        )
        oldest = GaugeMetricFamily(
            "glovebox_queue_oldest_seconds",
            "How long the oldest ready key waits.",
            labels=("queue",),
        )
        for name, (length, age) in self._queues().items():
            depth.add_metric((name,), length)
            oldest.add_metric((name,), age)
        contact = GaugeMetricFamily(
            "glovebox_watch_last_contact_timestamp_seconds",
            "When the API server last spoke on each watch.",
            labels=("managed_kind",),
        )
        for kind, time in self._reflectors().items():
            contact.add_metric((kind,), time)
        sweep = GaugeMetricFamily(
            "glovebox_sweep_last_success_timestamp_seconds",
            "When each kind was last listed and compared whole.",
            labels=("controller",),
        )
        for kind, time in self._sweeps().items():
            sweep.add_metric((kind.lower(),), time)
        canary = GaugeMetricFamily(
            "glovebox_watch_canary_delay_seconds",
            "For how long the watch of the Lease has not shown what was confirmed of it.",
        )
        if self._canary is not None:
            canary.add_metric((), self._canary())
        yield from (depth, oldest, contact, sweep, canary)
