"""Defects of an IsolationProfile in itself: no Experiment can use it.

The API server finds most of this when the profile is written (CEL rules of the CRD); a profile that
is older than a rule, or one that is rendered offline, is checked here. The profile's own status
reports the defect, and an Experiment that names it is refused with the same message.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from ipaddress import ip_address
from typing import Final

from glovebox import names
from glovebox.api import reasons
from glovebox.api.isolation_profile import IsolationProfile
from glovebox.api.scalars import (
    LABEL_KEY,
    LABEL_KEY_MESSAGE,
    LABEL_VALUE,
    LABEL_VALUE_MESSAGE,
    MAX_LABEL_KEY,
    MAX_LABEL_VALUE,
)
from glovebox.api.stage_secrets import TEAM_PLACEHOLDER
from glovebox.data.licenses import why_unknown
from glovebox.desired import quantity
from glovebox.desired.accelerators import CLAIMS, DEVICE_CLASS, quota_names
from glovebox.desired.by_identity import ById
from glovebox.desired.network_policy import canonical_network, proxy_route
from glovebox.desired.never_reachable import Network, never_reachable, why_no_name_server
from glovebox.desired.placement import why_apart
from glovebox.desired.scratch import STORAGE
from glovebox.errors import Refused

# Where clusters keep what runs them; the CRD says the same.
_SYSTEM_PREFIXES: Final = ("kube-", "openshift-")
# Of these a part may be asked for; everything else that a quota counts comes in pieces.
_DIVISIBLE: Final = re.compile(
    r"((requests|limits)\.)?(cpu|memory|ephemeral-storage|storage)|.+/requests\.storage"
)


def check_profile(
    profile: IsolationProfile, added: tuple[Network, ...] = (), operator_namespace: str = ""
) -> None:
    """Return when the profile can be used.

    Args:
        profile: The profile.
        added: What no route reaches, beside the metadata services that are known.
        operator_namespace: Where the operator runs; empty where that is not known.

    Raises:
        Refused: `ProfileInvalid` with the first defect.
    """
    defect = _first_defect(ById(profile), added, operator_namespace)
    if defect is not None:
        cure = "correct the profile, or choose another one in the Experiment's spec.profile"
        raise Refused(
            reasons.PROFILE_INVALID,
            f"IsolationProfile {profile.name} cannot be used, because {defect}: {cure}",
        )


@lru_cache(maxsize=256)
def _first_defect(
    profile: ById[IsolationProfile], added: tuple[Network, ...], operator_namespace: str
) -> str | None:
    """Return the first defect; a profile that a thousand Experiments name is checked once."""
    return next(_defects(profile.model, added, operator_namespace), None)


def comes_in_pieces(resource: str) -> bool:
    """Whether a resource of a quota is counted in whole numbers only."""
    return _DIVISIBLE.fullmatch(resource) is None


def _defects(
    profile: IsolationProfile, added: tuple[Network, ...], operator_namespace: str
) -> Iterator[str]:
    yield from _amount_too_large(profile)
    yield from _limits_incoherent(profile)
    yield from _quota_incoherent(profile)
    yield from _accelerator_misnamed(profile)
    yield from _accelerator_twice(profile)
    yield from _accelerator_on_no_node(profile)
    yield from _route_never_reachable(profile, added)
    yield from _name_server_never_reachable(profile, added)
    yield from _proxy_never_reachable(profile, added)
    yield from _service_of_the_system(profile, operator_namespace)
    yield from _secret_of_the_system(profile, operator_namespace)
    yield from _secret_for_nobody(profile)
    yield from _label_of_no_pod(profile)
    yield from _license_unknown(profile)
    yield from _budget_of_nothing(profile)
    yield from _scratch_of_nothing(profile)


def _amount_too_large(profile: IsolationProfile) -> Iterator[str]:
    """Find an amount that is more than Kubernetes counts, while the field is known."""
    amounts = [
        (f"spec.quota[{entry.resource}].{name}", getattr(entry, name))
        for entry in profile.spec.quota
        for name in ("default", "minimum", "maximum")
    ]
    amounts += [
        (f"spec.teamBudget[{entry.resource}].maximum", entry.maximum)
        for entry in profile.spec.team_budget
    ]
    limits = profile.spec.limits.model_dump(by_alias=True)
    amounts += [(f"spec.limits.{name}", amount) for name, amount in limits.items()]
    cache = profile.spec.delivery.cache
    amounts += [("spec.delivery.cache.minimumSize", cache.minimum_size)] if cache else []
    for field, amount in amounts:
        if amount is not None and (why := quantity.why_none(amount)):
            yield f"{field} cannot be counted ({why})"


def _limits_incoherent(profile: IsolationProfile) -> Iterator[str]:
    """Find limits that no LimitRange may have: it needs request <= default <= maximum."""
    limits = profile.spec.limits
    for resource, request, default, maximum in (
        ("Cpu", limits.default_request_cpu, limits.default_cpu, limits.max_cpu),
        ("Memory", limits.default_request_memory, limits.default_memory, limits.max_memory),
        (
            "EphemeralStorage",
            limits.default_request_ephemeral_storage,
            limits.default_ephemeral_storage,
            limits.max_ephemeral_storage,
        ),
    ):
        if quantity.compare(request, default) > 0:
            yield (
                f"spec.limits.defaultRequest{resource} ({request}) is more than default{resource}"
                f" ({default})"
            )
        if maximum is not None and quantity.compare(default, maximum) > 0:
            yield (
                f"spec.limits.default{resource} ({default}) is more than max{resource} ({maximum})"
            )


def _quota_incoherent(profile: IsolationProfile) -> Iterator[str]:
    """Find a default outside of its own range, and a fraction of a pod."""
    for entry in profile.spec.quota:
        where = f"the default {entry.default} of spec.quota[{entry.resource}]"
        if quantity.compare(entry.default, entry.maximum) > 0:
            yield f"{where} is more than its maximum {entry.maximum}"
        if entry.minimum is not None and quantity.compare(entry.default, entry.minimum) < 0:
            yield f"{where} is less than its minimum {entry.minimum}"
        if comes_in_pieces(entry.resource) and quantity.parse(entry.default) % 1:
            yield f"{where} is not a whole number"


def _accelerator_misnamed(profile: IsolationProfile) -> Iterator[str]:
    """Find an accelerator by a name that no pod can ask for, or whose claims nobody counts."""
    counted = {entry.resource for entry in profile.spec.quota}
    for each in profile.spec.accelerators:
        where = f"spec.accelerators[{each.resource}]"
        if each.resource.startswith("requests."):
            meant = each.resource.removeprefix("requests.")
            yield f"{where}.resource is what a quota calls {meant}, and no pod can ask for it"
        named = each.resource.removeprefix(DEVICE_CLASS)
        if named not in (each.resource, each.device_class):
            yield f"{where} is the DeviceClass {named}, and its deviceClass does not say so"
        if each.device_class is not None and CLAIMS in counted:
            yield f"{where} has its claims counted as {CLAIMS}, and so has spec.quota[{CLAIMS}]"
    for resource in sorted(counted):
        if resource.startswith(f"requests.{DEVICE_CLASS}") and CLAIMS not in counted:
            yield (
                f"spec.quota[{resource}] counts devices that are claimed, and claims are counted as"
                " none: it has to stand in spec.accelerators, with its deviceClass"
            )


def _accelerator_twice(profile: IsolationProfile) -> Iterator[str]:
    """Find a name of an accelerator that something else in the profile counts as well."""
    counted = {entry.resource: f"spec.quota[{entry.resource}]" for entry in profile.spec.quota}
    for each in profile.spec.accelerators:
        where = f"spec.accelerators[{each.resource}]"
        for name in quota_names(each):
            known = counted.setdefault(name, where)
            if known != where:
                yield f"{where} is counted as {name}, and so is {known}; leave one of them out"


def _accelerator_on_no_node(profile: IsolationProfile) -> Iterator[str]:
    """Find an accelerator on nodes where nothing of this profile may run."""
    for each in profile.spec.accelerators:
        if why := why_apart(profile, (each,)):
            yield f"no node has spec.accelerators[{each.resource}]: {why}"


def _route_never_reachable(profile: IsolationProfile, added: tuple[Network, ...]) -> Iterator[str]:
    """Find a route that includes a metadata service."""
    for route in profile.spec.network.routes:
        if forbidden := never_reachable(canonical_network(route.cidr), added):
            yield (
                f"spec.network.routes[{route.name}].cidr {route.cidr} is in {forbidden}, which must"
                " never be reachable"
            )


def _proxy_never_reachable(profile: IsolationProfile, added: tuple[Network, ...]) -> Iterator[str]:
    """Find a proxy that no policy opens, or that is where a metadata service is."""
    proxy = profile.spec.network.proxy
    if proxy is None:
        return
    try:
        networks = proxy_route(profile, proxy).cidrs
    except Refused as refused:
        yield str(refused)
        return
    for cidr in networks:
        if forbidden := never_reachable(canonical_network(cidr), added):
            yield (
                f"spec.network.proxy is at {cidr}, in {forbidden}, which must never be reachable"
            )


def _name_server_never_reachable(
    profile: IsolationProfile, added: tuple[Network, ...]
) -> Iterator[str]:
    """Find a name server that is a metadata service."""
    for address in profile.spec.network.dns.addresses:
        if forbidden := why_no_name_server(ip_address(address), added):
            yield (
                f"spec.network.dns.addresses has {address}, which is in {forbidden}, where cloud"
                " metadata services answer: name the address of the cluster's own name server"
            )


def _service_of_the_system(profile: IsolationProfile, operator_namespace: str) -> Iterator[str]:
    """Find a service in an experiment's namespace, or in one of the system's that is not meant."""
    for service in profile.spec.network.services:
        where = f"spec.network.services[{service.name}].namespace {service.namespace}"
        if service.namespace.startswith(names.EXPERIMENT_NAMESPACE_PREFIX):
            yield f"{where} is an experiment's, and nothing leads from one into another"
        is_system = service.namespace.startswith(_SYSTEM_PREFIXES)
        if service.system_namespace == "Allowed" or not (
            is_system or service.namespace == operator_namespace
        ):
            continue
        whose = "the cluster's own" if is_system else "the operator's own"
        yield f"{where} is {whose}, and systemNamespace of that entry is not Allowed"


def why_no_source(namespace: str, operator_namespace: str) -> str:
    """Return why no Secret of a namespace is given to runs; an empty text where one may be.

    Args:
        namespace: Where it lies.
        operator_namespace: Where the operator runs; empty where that is not known.
    """
    if namespace == operator_namespace:
        return "the operator's own, where the keys of stores and of seals are"
    if namespace.startswith(names.EXPERIMENT_NAMESPACE_PREFIX):
        return "an experiment's, and nothing is taken out of one"
    return "the cluster's own" if namespace.startswith(_SYSTEM_PREFIXES) else ""


def _secret_of_the_system(profile: IsolationProfile, operator_namespace: str) -> Iterator[str]:
    """Find a Secret in a namespace whose Secrets open more than a run may have."""
    for each in profile.spec.secrets:
        if why := why_no_source(each.namespace, operator_namespace):
            yield f"spec.secrets[{each.name}].namespace {each.namespace} is {why}"


def _secret_for_nobody(profile: IsolationProfile) -> Iterator[str]:
    """Find a Secret of which nobody says whose it is."""
    for each in profile.spec.secrets:
        if not each.teams and TEAM_PLACEHOLDER not in each.namespace:
            yield f"spec.secrets[{each.name}].teams does not say who may ask for it"


def _label_of_no_pod(profile: IsolationProfile) -> Iterator[str]:
    """Find a label that no pod can have: the API server would refuse the policy, once bound."""
    network = profile.spec.network
    selected = [("spec.network.dns.podLabels", network.dns.pod_labels)]
    selected += [
        (f"spec.network.services[{service.name}].podLabels", service.pod_labels)
        for service in network.services
    ]
    for where, labels in selected:
        for key, value in sorted(labels.items()):
            if not re.fullmatch(LABEL_KEY, key) or len(key) > MAX_LABEL_KEY:
                yield f"{where} has the key '{key}', which is not {LABEL_KEY_MESSAGE}"
            if not re.fullmatch(LABEL_VALUE, value) or len(value) > MAX_LABEL_VALUE:
                yield f"{where} has the value '{value}', and a label has {LABEL_VALUE_MESSAGE}"


def _budget_of_nothing(profile: IsolationProfile) -> Iterator[str]:
    """Find a budget of what no experiment can ask for: it would bound nothing."""
    offered = {entry.resource for entry in profile.spec.quota}
    offered |= {f"requests.{each.resource}" for each in profile.spec.accelerators}
    for entry in profile.spec.team_budget:
        if entry.resource not in offered:
            yield (
                f"spec.teamBudget[{entry.resource}] bounds a resource that `spec.quota` and"
                " `spec.accelerators` do not offer"
            )


def _scratch_of_nothing(profile: IsolationProfile) -> Iterator[str]:
    """Find volumes for scratch that no quota has room for."""
    offered = {entry.resource for entry in profile.spec.quota}
    if profile.spec.run.scratch is not None and STORAGE not in offered:
        yield (
            f"spec.run.scratch gives volumes that are counted in {STORAGE}, which spec.quota does"
            " not offer"
        )


def _license_unknown(profile: IsolationProfile) -> Iterator[str]:
    """Find a licence that no pin can have: a misspelt one that is denied would be let through."""
    rules = profile.spec.data.licenses
    for field, listed in (("allowed", rules.allowed), ("denied", rules.denied)):
        for name in listed:
            if why := why_unknown(name):
                yield f"of spec.data.licenses.{field}, {why}"
