"""What is refused before anything is created, and with which message.

Each check is named after the defect that it finds; the first defect found is raised. Every message
names the field and the cure. These are rules about an Experiment that is to begin: once its
snapshot is taken it continues although a profile became stricter or an approval expired, so
`check` belongs before the snapshot and not after it.

The API server refuses what is wrong in one object (formats, ranges, immutability). Here are the
rules that need two objects, the Experiment and its profile or store, and those that CEL cannot
express.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from glovebox.api import reasons
from glovebox.api.experiment import EgressRoute, Experiment
from glovebox.api.isolation_profile import IsolationProfile
from glovebox.api.object_store import ObjectStore
from glovebox.api.profile_network import AllowedRoute
from glovebox.api.scalars import IMAGE_BY_DIGEST
from glovebox.api.stages import TESTS, Stage
from glovebox.desired import quantity
from glovebox.desired.network_policy import canonical_network, store_route
from glovebox.desired.never_reachable import Network, contains, never_reachable
from glovebox.desired.profile_defects import check_profile, comes_in_pieces, why_no_source
from glovebox.desired.run_amounts import asked_amounts, field_of, run_amounts
from glovebox.desired.run_environment import colliding_names, colliding_stages
from glovebox.desired.run_resources import why_run_never_fits
from glovebox.desired.run_ways import why_two_proxies
from glovebox.desired.snapshot import declared_size
from glovebox.errors import InvalidInput, Refused

# A ConfigMap holds 1 MiB; the digests of at most 96 inputs, what their pins say of their data, and
# the keys need less than the rest.
SNAPSHOT_BYTES_MAX: Final = 1024 * 1024 - 128 * 1024
_LISTED_MAX: Final = 10


@dataclass(frozen=True, slots=True)
class _Case:
    """What all checks look at."""

    experiment: Experiment
    profile: IsolationProfile
    store: ObjectStore
    now: datetime
    platform_image: str
    never_reachable: tuple[Network, ...]
    operator_namespace: str


def check(
    experiment: Experiment,
    profile: IsolationProfile,
    store: ObjectStore,
    now: datetime,
    platform_image: str = "",
    added: tuple[Network, ...] = (),
    operator_namespace: str = "",
) -> None:
    """Return when nothing forbids to provision the Experiment.

    Args:
        experiment: The Experiment, not yet provisioned.
        profile: The IsolationProfile that it names.
        store: The ObjectStore that it names.
        now: The present time, with a time zone; approvals of images end.
        platform_image: The Glovebox image that delivers inputs; empty where none is configured.
        added: What no route reaches, beside the metadata services that are known.
        operator_namespace: Where the operator runs; empty where that is not known.

    Raises:
        Refused: The first defect, with the field and the cure. Nothing may be created then.
    """
    check_profile(profile, added, operator_namespace)
    case = _Case(experiment, profile, store, now, platform_image, added, operator_namespace)
    for find_defect in CHECKS:
        find_defect(case)


def amount_too_large(case: _Case) -> None:
    """Refuse an amount that is more than Kubernetes counts, while the field is known."""
    spec = case.experiment.spec
    asked = [(f"spec.resources.quota['{name}']", it) for name, it in spec.resources.quota.items()]
    asked += [each for stage in spec.stages for each in asked_amounts(stage)]
    found = next(((field, why) for field, it in asked if (why := quantity.why_none(it))), None)
    for stage in spec.stages if found is None else ():
        try:
            run_amounts(stage, case.profile.spec.limits, 0)
        except InvalidInput as error:
            found = f"{field_of(stage, 'sharedMemory')} and the memory of it", error.message
    if found is not None:
        field, why = found
        raise Refused(reasons.INVALID_SPEC, f"{field}: {why}; write a smaller amount")


def quota_out_of_range(case: _Case) -> None:
    """Refuse a resource that the profile does not offer, and an amount outside its range."""
    offered = {entry.resource: (entry.minimum, entry.maximum) for entry in case.profile.spec.quota}
    offered |= {
        f"requests.{each.resource}": (None, str(each.maximum))
        for each in case.profile.spec.accelerators
    }
    by = f"IsolationProfile {case.profile.name}"
    for resource, amount in sorted(case.experiment.spec.resources.quota.items()):
        asks = f"spec.resources.quota['{resource}'] asks for {amount}"
        if resource not in offered:
            cure = (
                "leave it out, or choose a profile that offers it (this one offers"
                f" {_listed(offered)})"
            )
            raise Refused(
                reasons.QUOTA_OUT_OF_RANGE, f"{asks}, but {by} does not offer {resource}: {cure}"
            )
        minimum, maximum = offered[resource]
        if quantity.compare(amount, maximum) > 0:
            cure = f"ask for at most {maximum}, or choose a profile that allows more"
            raise Refused(
                reasons.QUOTA_OUT_OF_RANGE,
                f"{asks}, more than the {maximum} that {by} allows: {cure}",
            )
        if minimum is not None and quantity.compare(amount, minimum) < 0:
            cure = f"ask for at least {minimum}"
            raise Refused(
                reasons.QUOTA_OUT_OF_RANGE,
                f"{asks}, less than the {minimum} that {by} allows: {cure}",
            )


def quota_not_whole(case: _Case) -> None:
    """Refuse a fraction of a pod. The API server would too, but after the namespace exists."""
    for resource, amount in sorted(case.experiment.spec.resources.quota.items()):
        if comes_in_pieces(resource) and quantity.parse(amount) % 1:
            asks = f"spec.resources.quota['{resource}'] asks for {amount}"
            raise Refused(
                reasons.INVALID_SPEC,
                f"{asks}, but {resource} is counted in whole numbers: write a whole number",
            )


def image_not_pinned(case: _Case) -> None:
    """Refuse a reference that can be moved to other content."""
    for image in case.experiment.spec.images:
        if not re.fullmatch(IMAGE_BY_DIGEST, image.reference):
            what = (
                f"spec.images[{image.name}].reference {image.reference} is not pinned by digest,"
                " and a tag can be moved to other content"
            )
            raise Refused(
                reasons.IMAGE_NOT_PINNED,
                f"{what}: write it as REPOSITORY@sha256:<64 hex digits>, without a tag",
            )


def image_not_approved(case: _Case) -> None:
    """Refuse an image whose repository the profile does not name, or whose approval ended."""
    approvals = case.profile.spec.images
    by = f"IsolationProfile {case.profile.name}"
    for image in case.experiment.spec.images:
        repository = image.reference.partition("@")[0]
        matching = [entry for entry in approvals if within(repository, entry.repository)]
        ends = [entry.expire_time for entry in matching if entry.expire_time is not None]
        if len(ends) < len(matching) or any(end > case.now for end in ends):
            continue
        what = f"spec.images[{image.name}].reference comes from {repository}"
        if not matching:
            cure = (
                "use an image from an approved repository"
                f" ({_listed(entry.repository for entry in approvals)})"
                if approvals
                else "it approves none, so ask the platform team to add the repository to its"
                " spec.images"
            )
            raise Refused(
                reasons.IMAGE_NOT_APPROVED, f"{what}, which {by} does not approve: {cure}"
            )
        cure = "use an image that is approved, or ask the platform team to renew the approval"
        ended = f"{max(ends).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        raise Refused(
            reasons.IMAGE_APPROVAL_EXPIRED,
            f"{what}, whose approval by {by} ended at {ended}: {cure}",
        )


def route_never_reachable(case: _Case) -> None:
    """Refuse a route to a metadata service, which would hand out the credentials of the node."""
    for route in case.experiment.spec.network.egress:
        if forbidden := never_reachable(canonical_network(route.cidr), case.never_reachable):
            what = (
                f"spec.network.egress[{route.name}].cidr {route.cidr} lies in {forbidden}, where"
                " cloud metadata services answer"
            )
            raise Refused(
                reasons.ROUTE_NOT_ALLOWED,
                f"{what}: name the network of the service that is really needed",
            )


def route_not_allowed(case: _Case) -> None:
    """Refuse a route that no single route of the profile contains, with all of its ports."""
    routes = case.profile.spec.network.routes
    by = f"IsolationProfile {case.profile.name}"
    for route in case.experiment.spec.network.egress:
        where = f"spec.network.egress[{route.name}]"
        containing = [
            allowed
            for allowed in routes
            if contains(canonical_network(allowed.cidr), canonical_network(route.cidr))
        ]
        if not containing:
            cure = (
                "use a network inside one of its routes"
                f" ({_listed(f'{allowed.name} {allowed.cidr}' for allowed in routes)})"
            )
            raise Refused(
                reasons.ROUTE_NOT_ALLOWED,
                f"{where}.cidr {route.cidr} is in no route that {by} allows: {cure}",
            )
        if not any(_ports(route) <= _ports(allowed) for allowed in containing):
            cure = "; ".join(
                f"route {allowed.name} allows {_port_words(allowed)}" for allowed in containing
            )
            what = f"{where}.ports ({_port_words(route)}) are not all allowed by one route of {by}"
            raise Refused(reasons.ROUTE_NOT_ALLOWED, f"{what}: remove the other ports ({cure})")


def service_not_offered(case: _Case) -> None:
    """Refuse a service that the profile does not offer under that name."""
    offered = [service.name for service in case.profile.spec.network.services]
    by = f"IsolationProfile {case.profile.name}"
    for name in case.experiment.spec.network.services:
        if name not in offered:
            raise Refused(
                reasons.ROUTE_NOT_ALLOWED,
                f"spec.network.services names {name}, which {by} does not offer: name one that it"
                f" offers ({_listed(sorted(offered))}), or ask the platform team to add it to"
                " spec.network.services of the profile",
            )


def proxy_not_offered(case: _Case) -> None:
    """Refuse to use a proxy that the profile does not offer, or beside the one of the store."""
    if not case.experiment.spec.network.use_proxy:
        return
    by, proxy = f"IsolationProfile {case.profile.name}", case.profile.spec.network.proxy
    if proxy is None:
        raise Refused(
            reasons.ROUTE_NOT_ALLOWED,
            f"spec.network.useProxy is true, and {by} offers no proxy: leave it out, or ask the"
            " platform team to set spec.network.proxy of the profile",
        )
    if why := why_two_proxies(proxy, case.store.spec):
        raise Refused(
            reasons.ROUTE_NOT_ALLOWED,
            f"spec.network.useProxy cannot be true with ObjectStore {case.store.name}, because"
            f" {why}: leave it out, or ask the platform team to make spec.network.proxy of {by} and"
            " spec.proxy of the ObjectStore alike",
        )


def secret_not_offered(case: _Case) -> None:
    """Refuse a secret that the profile does not offer to this namespace, or from nowhere to have.

    What `$(team)` makes of a namespace is known here alone.
    """
    team, by = case.experiment.namespace, f"IsolationProfile {case.profile.name}"
    offered = {each.name: each for each in case.profile.spec.secrets if each.is_for(team)}
    for stage in case.experiment.spec.stages:
        for given in stage.secrets:
            asks = f"{field_of(stage, 'secrets')} names {given.name}"
            if given.name not in offered:
                raise Refused(
                    reasons.SECRET_NOT_OFFERED,
                    f"{asks}, which {by} does not offer to namespace {team}: name one that it"
                    f" offers ({_listed(sorted(offered))}), or ask the platform team to add it to"
                    " spec.secrets of the profile",
                )
            namespace, _ = offered[given.name].place(team)
            if why := why_no_source(namespace, case.operator_namespace):
                raise Refused(
                    reasons.SECRET_NOT_OFFERED,
                    f"{asks}, which {by} takes from namespace {namespace}, {why}: have the profile"
                    " name another one",
                )


def run_image_unknown(case: _Case) -> None:
    """Refuse a stage of an image that the Experiment does not pin."""
    pinned = [image.name for image in case.experiment.spec.images]
    for stage in case.experiment.spec.stages:
        if stage.image not in pinned:
            cure = f"add it there by digest, or name one of those ({_listed(pinned)})"
            raise Refused(
                reasons.INVALID_SPEC,
                f"{field_of(stage, 'image')} names {stage.image}, which spec.images does not have:"
                f" {cure}",
            )


def inputs_nobody_reads(case: _Case) -> None:
    """Refuse data to test with that no stage is given: the other stages cannot even ask for it."""
    spec = case.experiment.spec
    named = {name for stage in spec.stages for name in stage.inputs}
    for entry in spec.inputs.datasets if spec.has_run else ():
        if entry.role in TESTS and entry.name not in named:
            raise Refused(
                reasons.INVALID_SPEC,
                f"input `{entry.name}` has the role {entry.role}, which is given to no stage that"
                " does not name it, and none does: write it into `inputs` of the stage that"
                " evaluates, with whatever else that one reads, or leave the input out",
            )


def run_out_of_range(case: _Case) -> None:
    """Refuse more retries or a longer deadline than the profile allows."""
    for stage in case.experiment.spec.stages:
        _stage_out_of_range(case, stage)


def _stage_out_of_range(case: _Case, stage: Stage) -> None:
    allowed = case.profile.spec.run
    by = f"IsolationProfile {case.profile.name}"
    if stage.retries > allowed.maximum_retries:
        asks = (
            f"{field_of(stage, 'retries')} asks for {stage.retries}, more than the"
            f" {allowed.maximum_retries} that {by} allows"
        )
        raise Refused(
            reasons.RUN_OUT_OF_RANGE, f"{asks}: ask for at most {allowed.maximum_retries}"
        )
    deadline = stage.active_deadline_seconds
    if deadline is not None and deadline > allowed.maximum_deadline_seconds:
        asks = (
            f"{field_of(stage, 'activeDeadlineSeconds')} asks for {deadline}, more than the"
            f" {allowed.maximum_deadline_seconds} that {by} allows"
        )
        raise Refused(
            reasons.RUN_OUT_OF_RANGE, f"{asks}: ask for at most {allowed.maximum_deadline_seconds}"
        )


def run_never_fits(case: _Case) -> None:
    """Refuse a run whose pod the API server would never admit: too late, once it is bound."""
    why = why_run_never_fits(case.experiment, case.profile, fetches=_has_inputs(case.experiment))
    if why is not None:
        raise Refused(reasons.RUN_OUT_OF_RANGE, why)


def run_without_delivery(case: _Case) -> None:
    """Refuse a run with inputs on a platform that has no image to deliver them with."""
    if case.experiment.spec.has_run and _has_inputs(case.experiment) and not case.platform_image:
        what = (
            "the run has inputs to be delivered, and the operator is not configured with the"
            " Glovebox image that delivers them"
        )
        raise Refused(
            reasons.DELIVERY_UNAVAILABLE,
            f"{what}: set the chart's `operator.image.digest` (GLOVEBOX_IMAGE)",
        )


def variables_collide(case: _Case) -> None:
    """Refuse names that become the same environment variable of the run."""
    if stages := colliding_stages(case.experiment.spec.stages):
        raise Refused(
            reasons.INVALID_SPEC,
            f"the stages {_listed(stages)} would become one and the same environment variable of"
            " those that need them: give them names that differ in more than dashes",
        )
    names = colliding_names(case.experiment.spec.config)
    if names:
        what = (
            f"spec.config has {_listed(names)}, which would become one and the same environment"
            " variable of the run"
        )
        raise Refused(
            reasons.INVALID_SPEC,
            f"{what}: give them names that differ in more than case and punctuation",
        )


def snapshot_too_large(case: _Case) -> None:
    """Refuse a declaration that does not fit into one ConfigMap."""
    tls = case.profile.spec.network.tls
    # It lies there as a file, in what the digest covers, and in the settings as they were bound.
    size = declared_size(case.experiment) + (3 * len(tls.ca_bundle) if tls is not None else 0)
    if size > SNAPSHOT_BYTES_MAX:
        what = (
            f"the declaration takes {size} bytes, more than the {SNAPSHOT_BYTES_MAX} that a"
            " snapshot holds"
        )
        raise Refused(
            reasons.INVALID_SPEC,
            f"{what}: shorten the `args` of its stages and spec.config.parameters, or pin long ones"
            " as a dataset",
        )


def retention_out_of_range(case: _Case) -> None:
    """Refuse a retention outside of the profile's range, or with a weaker lock."""
    asked = case.experiment.spec.artifacts.retention
    if asked is None:
        return
    allowed = case.profile.spec.retention
    by = f"IsolationProfile {case.profile.name}"
    if asked.mode == "Governance" and allowed.mode == "Compliance":
        what = (
            "spec.artifacts.retention.mode is Governance, a weaker lock than the Compliance that"
            f" {by} requires"
        )
        raise Refused(
            reasons.RETENTION_OUT_OF_RANGE, f"{what}: write Compliance, or leave the mode out"
        )
    if asked.days is not None and not allowed.minimum_days <= asked.days <= allowed.maximum_days:
        what = f"spec.artifacts.retention.days is {asked.days}, outside of what {by} allows"
        raise Refused(
            reasons.RETENTION_OUT_OF_RANGE,
            f"{what}: write {allowed.minimum_days} to {allowed.maximum_days}, or leave it out",
        )


def store_locks_too_short(case: _Case) -> None:
    """Refuse a bucket whose default lock is shorter than requested: runs cannot set locks."""
    found = case.store.status.retention
    if found is None:
        return
    asked = case.experiment.spec.artifacts.retention
    allowed = case.profile.spec.retention
    days = asked.days if asked is not None and asked.days is not None else allowed.default_days
    mode = asked.mode if asked is not None and asked.mode is not None else allowed.mode
    where = (
        f"the bucket of ObjectStore {case.store.name} locks what is written for"
        f" {_days(found.days)} in mode {found.mode}"
    )
    wanted = f"{_days(days)} in mode {mode}"
    by = (
        f"the Experiment asks for {wanted}"
        if asked is not None and (asked.days if days > found.days else asked.mode) is not None
        else f"IsolationProfile {case.profile.name} locks for {wanted} where an Experiment asks for"
        " nothing else"
    )
    cure = (
        "ask for less in spec.artifacts.retention, or name a store that locks longer or more"
        " strictly in spec.artifacts.storeRef"
    )
    if days > found.days or (mode == "Compliance" and found.mode == "Governance"):
        raise Refused(
            reasons.RETENTION_OUT_OF_RANGE,
            f"{where}, but {by}: {cure}",
        )


def store_unreachable(case: _Case) -> None:
    """Refuse a store that no NetworkPolicy can open a route to."""
    check_store_reachable(
        case.store, "name another store in spec.artifacts.storeRef", case.never_reachable
    )


def store_without_sts(case: _Case) -> None:
    """Refuse a store that cannot issue credentials for one prefix alone."""
    if case.store.spec.sts is None:
        what = (
            f"ObjectStore {case.store.name} has no spec.sts, so it cannot issue credentials that"
            " open this experiment's artifacts alone"
        )
        raise Refused(
            reasons.STS_NOT_CONFIGURED,
            f"{what}: add spec.sts.roleArn to the ObjectStore, or name another store in"
            " spec.artifacts.storeRef",
        )


def check_store_reachable(store: ObjectStore, cure: str, added: tuple[Network, ...] = ()) -> None:
    """Return when a NetworkPolicy may open the route to a store.

    Args:
        store: The store.
        cure: What whoever declared the Experiment can do instead.
        added: What no route reaches, beside the metadata services that are known.

    Raises:
        Refused: `RouteNotAllowed`.
    """
    for cidr in store_route(store).cidrs:
        if forbidden := never_reachable(canonical_network(cidr), added):
            raise Refused(
                reasons.ROUTE_NOT_ALLOWED,
                f"ObjectStore {store.name} is at {cidr}, in {forbidden}, which is never reachable"
                f" from an experiment: give the store another address, or {cure}",
            )


CHECKS: Final[tuple[Callable[[_Case], None], ...]] = (
    amount_too_large,
    quota_out_of_range,
    quota_not_whole,
    image_not_pinned,
    image_not_approved,
    route_never_reachable,
    route_not_allowed,
    service_not_offered,
    proxy_not_offered,
    secret_not_offered,
    run_image_unknown,
    inputs_nobody_reads,
    run_out_of_range,
    run_never_fits,
    run_without_delivery,
    variables_collide,
    snapshot_too_large,
    retention_out_of_range,
    store_locks_too_short,
    store_unreachable,
    store_without_sts,
)


def _has_inputs(experiment: Experiment) -> bool:
    return bool(experiment.spec.inputs.datasets or experiment.spec.inputs.features)


def within(repository: str, approved: str) -> bool:
    """Whether a repository is the approved one or is below it."""
    # Whole path parts only: `registry.example/team` does not approve `registry.example/team-b`.
    return repository == approved or repository.startswith(f"{approved}/")


def _ports(route: EgressRoute | AllowedRoute) -> frozenset[tuple[int, str]]:
    return frozenset((port.port, port.protocol) for port in route.ports)


def _port_words(route: EgressRoute | AllowedRoute) -> str:
    return _listed(f"{port}/{protocol}" for port, protocol in sorted(_ports(route)))


def _days(number: int) -> str:
    return f"{number} day" if number == 1 else f"{number} days"


def _listed(items: Iterable[str]) -> str:
    """Return the items in a line, or words that say there is none; long lists are cut."""
    listed = list(items)
    shown = ", ".join(listed[:_LISTED_MAX])
    if len(listed) > _LISTED_MAX:
        return f"{shown} and {len(listed) - _LISTED_MAX} more"
    return shown or "none"
