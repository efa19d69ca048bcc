"""What the platform gave to an experiment, bound once: the effective profile, and the stores.

An Experiment is rendered from this and from nothing else, before it is bound and ever after.
Editing or deleting a profile or a store later changes no bound experiment; `changes` says what
differs.

Two parts of it are told apart. What makes the experiment what it is (quota, limits, Pod Security,
DNS, the services and the proxy that it asked for, whom its programs trust, the secrets of
registries by their names, those of its stages by name and version, access, retention, deadline,
environment, the rules for data, where the stores are and what they encrypt with) is part of the
digest. How it is operated (drift policies, the isolation check, life of credentials, delivery) is
bound too, and changes no identity: the same experiment, delivered in another way, is the same
experiment.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import orjson

from glovebox.api.isolation_profile import IsolationProfile
from glovebox.api.object_store import ObjectStore
from glovebox.api.placement import Accelerator
from glovebox.data.digest import canonical_json
from glovebox.desired import quantity
from glovebox.desired.by_identity import ById
from glovebox.desired.placement import canonical_affinity

FORMAT: Final = "glovebox.dev/platform/v1"
# A catalogue for those who choose: nothing of it reaches a namespace.
_CATALOGUE: Final = frozenset({"description", "images", "leakage", "teamBudget"})
# Where name servers listen unless a profile says otherwise.
_DNS_PORT: Final = 53
# How an experiment is operated; bound, but no part of what it is.
_OPERATION: Final = frozenset({"credentials", "delivery", "drift", "probe"})
# What makes a store another one. When it is checked again does not.
_STORE: Final = ("endpoint", "region", "pathStyle", "network", "encryption", "proxy")

# Of so many combinations of a profile, stores and services what they come to is kept.
_REMEMBERED: Final = 256

# Secrets that stages ask for, each with the version that was read; an empty one before that.
Given = Mapping[str, str]
_Versions = tuple[tuple[str, str], ...] | None
# Accelerators, each with how many of it an experiment has.
Used = Sequence[tuple[Accelerator, int]] | None
_Pieces = tuple[tuple[ById[Accelerator], int], ...] | None


@dataclass(frozen=True, slots=True)
class Platform:
    """The bound settings.

    Attributes:
        profile: The IsolationProfile without its catalogue: quota entries and accelerators say what
            is given.
        store: The ObjectStore of the artifacts.
        input_stores: The ObjectStores that hold datasets, by name.
        secrets: The secrets that stages are given, each with its version.
    """

    profile: IsolationProfile
    store: ObjectStore
    input_stores: tuple[ObjectStore, ...]
    secrets: Given = field(default_factory=dict, hash=False)


def render_platform(
    profile: IsolationProfile,
    store: ObjectStore,
    input_stores: tuple[ObjectStore, ...],
    services: Collection[str] | None = None,
    accelerators: Used = None,
    secrets: Given | None = None,
    *,
    uses_proxy: bool | None = None,
) -> str:
    """Return the settings as canonical JSON, as they are recorded in `status.platform`.

    Args:
        profile: The IsolationProfile.
        store: The ObjectStore of the artifacts.
        input_stores: The ObjectStores that hold datasets.
        services: Which of the services that the profile offers the Experiment asks for; None for
            a profile that was bound, which holds no other.
        accelerators: What it has of the profile's (`accelerators.used_accelerators`); None as well.
        secrets: What its stages ask for of the profile's secrets, with versions; None as well.
        uses_proxy: Whether it asks for the profile's proxy; None as well.
    """
    stores = tuple(ById(each) for each in (store, *input_stores))
    return _rendered(
        ById(profile),
        stores,
        _names(services),
        _pieces(accelerators),
        _versions(secrets),
        uses_proxy,
    )


@lru_cache(maxsize=_REMEMBERED)
def _rendered(
    profile: ById[IsolationProfile],
    stores: tuple[ById[ObjectStore], ...],
    services: tuple[str, ...] | None,
    accelerators: _Pieces,
    secrets: _Versions,
    uses_proxy: bool | None,  # noqa: FBT001 - one of many, and cached by place
) -> str:
    """Return the settings as text; the first store is that of the artifacts."""
    artifacts, *inputs = (each.model for each in stores)
    return canonical_json(
        {
            "format": FORMAT,
            "profile": {
                "name": profile.model.name,
                "spec": _remembered(profile, services, accelerators, secrets, uses_proxy),
            },
            **({"secrets": dict(secrets)} if secrets else {}),
            "artifacts": artifacts.name,
            "inputs": sorted({each.name for each in inputs}),
            "stores": {each.model.name: _store(each.model) for each in stores},
        }
    ).decode()


@lru_cache(maxsize=1024)
def read_platform(text: str) -> Platform:
    """Return recorded settings; a thousand experiments under one profile are parsed once.

    Raises:
        pydantic.ValidationError, ValueError, KeyError: The text was not written by
            `render_platform`.
    """
    recorded = orjson.loads(text)
    stores = {
        name: ObjectStore.model_validate({"metadata": {"name": name}, "spec": spec})
        for name, spec in recorded["stores"].items()
    }
    profile = recorded["profile"]
    return Platform(
        profile=IsolationProfile.model_validate(
            {"metadata": {"name": profile["name"]}, "spec": profile["spec"]}
        ),
        store=stores[recorded["artifacts"]],
        input_stores=tuple(stores[name] for name in recorded["inputs"]),
        secrets=dict(recorded.get("secrets") or {}),
    )


def identity(
    profile: IsolationProfile,
    stores: tuple[ObjectStore, ...],
    services: Collection[str] | None = None,
    accelerators: Used = None,
    secrets: Given | None = None,
    *,
    uses_proxy: bool | None = None,
) -> dict[str, Any]:
    """Return what of the settings is part of an experiment's digest, in plain JSON values.

    Args:
        profile: The IsolationProfile.
        stores: Every ObjectStore that is used.
        services: As in `render_platform`.
        accelerators: Likewise.
        secrets: Likewise.
        uses_proxy: Likewise.
    """
    effective = _effective(profile, services, accelerators, secrets, uses_proxy=uses_proxy)
    spec = {key: part for key, part in effective.items() if key not in _OPERATION}
    return {
        "profile": spec,
        "stores": {store.name: _store_identity(store) for store in stores},
        **({"secrets": dict(secrets)} if secrets else {}),
    }


def profile_changes(bound: IsolationProfile, now: IsolationProfile) -> tuple[str, ...]:
    """Return the fields of a profile's spec that take effect and differ from what was bound."""
    # What else is offered by now concerns nobody who did not ask for it.
    asked = [service.name for service in bound.spec.network.services]
    had = {each.resource: each.maximum for each in bound.spec.accelerators}
    used = tuple(
        (each, had[each.resource]) for each in now.spec.accelerators if each.resource in had
    )
    given = {each.name: "" for each in bound.spec.secrets}
    uses_proxy = bound.spec.network.proxy is not None
    return _differing(_effective(bound), _effective(now, asked, used, given, uses_proxy=uses_proxy))


def store_changes(bound: ObjectStore, now: ObjectStore) -> tuple[str, ...]:
    """Return the fields of a store that differ from what was bound."""
    return _differing(_store_identity(bound), _store_identity(now))


def _names(services: Collection[str] | None) -> tuple[str, ...] | None:
    return None if services is None else tuple(sorted(services))


def _versions(secrets: Given | None) -> _Versions:
    return None if secrets is None else tuple(sorted(secrets.items()))


def _pieces(accelerators: Used) -> _Pieces:
    if accelerators is None:
        return None
    return tuple((ById(each), pieces) for each, pieces in accelerators)


def _effective(
    profile: IsolationProfile,
    services: Collection[str] | None = None,
    accelerators: Used = None,
    secrets: Given | None = None,
    *,
    uses_proxy: bool | None = None,
) -> Mapping[str, Any]:
    """Return the settings of a profile as they take effect; nobody may change what is in it."""
    return _remembered(
        ById(profile), _names(services), _pieces(accelerators), _versions(secrets), uses_proxy
    )


@lru_cache(maxsize=_REMEMBERED)
def _remembered(
    held: ById[IsolationProfile],
    services: tuple[str, ...] | None,
    pieces: _Pieces,
    versions: _Versions,
    uses_proxy: bool | None,  # noqa: FBT001 - as above
) -> Mapping[str, Any]:
    profile = held.model
    accelerators = None if pieces is None else [(each.model, number) for each, number in pieces]
    spec: dict[str, Any] = profile.spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    spec = {key: part for key, part in spec.items() if key not in _CATALOGUE}
    # Ranges and offers are for new experiments; what this one gets is the default.
    given = {entry["resource"]: quantity.canonical(entry["default"]) for entry in spec["quota"]}
    spec["quota"] = [
        {"resource": resource, "default": amount, "maximum": amount}
        for resource, amount in sorted(given.items())
    ]
    spec["limits"] = {name: quantity.canonical(each) for name, each in spec["limits"].items()}
    # Of accelerators what this one has. Where there are none, and where nothing is said of
    # scheduling, it is left out, so that digests of before there was a choice stay.
    if used := _accelerators(profile, accelerators):
        spec["accelerators"] = used
    else:
        del spec["accelerators"]
    if scheduling := _scheduling(profile, spec.pop("scheduling", {})):
        spec["scheduling"] = scheduling
    spec["network"] = _network(spec["network"], services, uses_proxy)
    # Which Secrets, never what they hold: that changes while an experiment goes on.
    secrets = sorted(entry["name"] for entry in spec.pop("imagePullSecrets"))
    if secrets:
        spec["imagePullSecrets"] = [{"name": name} for name in secrets]
    if stage_secrets := _given_secrets(spec.pop("secrets"), versions):
        spec["secrets"] = stage_secrets
    if spec["userIds"] == "Fixed":
        del spec["userIds"]
    if spec["access"]["podEntry"] == "Refused":
        # What is not allowed is left out, so that digests of before there was a choice stay.
        del spec["access"]["podEntry"]
    if rules := _given(spec.pop("data")):
        spec["data"] = rules
    retention = spec["retention"]
    days = retention["defaultDays"]
    spec["retention"] = {**retention, "minimumDays": days, "maximumDays": days}
    deadline = spec["run"]["defaultDeadlineSeconds"]
    scratch = spec["run"].get("scratch")
    spec["run"] = {"defaultDeadlineSeconds": deadline, "maximumDeadlineSeconds": deadline} | (
        {"scratch": scratch} if scratch else {}
    )
    return spec


def _given_secrets(
    offered: Sequence[Mapping[str, Any]], versions: _Versions
) -> list[dict[str, Any]]:
    """Return where the secrets come from that stages ask for; to whom else they are offered, no."""
    asked = None if versions is None else {name for name, _ in versions}
    return [
        {field: entry[field] for field in ("name", "namespace", "secretName")}
        for entry in sorted(offered, key=lambda entry: str(entry["name"]))
        if asked is None or entry["name"] in asked
    ]


def _network(
    network: Mapping[str, Any],
    services: Collection[str] | None,
    uses_proxy: bool | None,  # noqa: FBT001 - as above
) -> dict[str, Any]:
    """Return where the DNS is, whom runs trust, and what is asked for; each list in one order.

    What is as it always was is left out, so that digests of before there was a choice stay.
    """
    dns = dict(network["dns"])
    ports, addresses = sorted(dns.pop("ports")), sorted(dns.pop("addresses"))
    if ports != [_DNS_PORT]:
        dns["ports"] = ports
    if addresses:
        dns["addresses"] = addresses
    found: dict[str, Any] = {"dns": dns}
    asked = [
        {**entry, "ports": sorted(entry["ports"], key=canonical_json)}
        for entry in sorted(network["services"], key=lambda entry: str(entry["name"]))
        if services is None or entry["name"] in services
    ]
    if asked:
        found["services"] = asked
    if network.get("proxy") and uses_proxy is not False:
        found["proxy"] = _proxy(network["proxy"])
    if network.get("tls"):
        found["tls"] = network["tls"]
    return found


def _proxy(proxy: Mapping[str, Any]) -> dict[str, Any]:
    """Return a proxy; each list in one order."""
    network = dict(proxy.get("network") or {})
    if "cidrs" in network:
        network["cidrs"] = sorted(network["cidrs"])
    return _said(
        {**proxy, "noProxy": sorted(proxy.get("noProxy") or ()), "network": _said(network)}
    )


def _accelerators(profile: IsolationProfile, used: Used) -> list[dict[str, Any]]:
    """Return the accelerators that are used, each with what is given in the place of its maximum.

    What a profile offers to others makes no experiment another one.
    """
    given = used if used is not None else [(a, a.maximum) for a in profile.spec.accelerators]
    return [
        _said(each.model_dump(mode="json", by_alias=True, exclude_none=True)) | {"maximum": pieces}
        for each, pieces in sorted(given, key=lambda pair: pair[0].resource)
    ]


def _scheduling(profile: IsolationProfile, dumped: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is said of where runs go, each list in one order: none of them has one."""
    found = _said(dumped)
    scheduling = profile.spec.scheduling
    if scheduling is not None and scheduling.affinity is not None:
        found["affinity"] = canonical_affinity(scheduling.affinity)
    if "topologySpreadConstraints" in found:
        found["topologySpreadConstraints"].sort(key=canonical_json)
    return {name: value for name, value in found.items() if value != {}}


def _said(placement: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is said of where pods go, with tolerations in one order: they are a set."""
    found = {name: value for name, value in placement.items() if value not in ({}, [])}
    if "tolerations" in found:
        found["tolerations"] = sorted(
            (_not_empty(each) for each in found["tolerations"]), key=canonical_json
        )
    return found


def _not_empty(toleration: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in toleration.items() if value != ""}


def _given(rules: Mapping[str, Any]) -> dict[str, Any]:
    """Return the rules for data that demand something, each list in one order.

    What demands nothing is left out, so that digests of before there was such a rule stay.
    """
    found: dict[str, Any] = {}
    for name, rule in rules.items():
        if isinstance(rule, Mapping):
            value: Any = _given(rule)
        elif isinstance(rule, list):
            value = sorted(
                (_given(entry) if isinstance(entry, Mapping) else entry for entry in rule),
                key=canonical_json,
            )
        else:
            value = rule
        if value not in ({}, [], "None", "Warn", False):
            found[name] = value
    return found


def _store(store: ObjectStore) -> Mapping[str, Any]:
    """Return the settings of a store; nobody may change what is in it."""
    return _dumped(ById(store))


@lru_cache(maxsize=_REMEMBERED)
def _dumped(store: ById[ObjectStore]) -> Mapping[str, Any]:
    spec: dict[str, Any] = store.model.spec.model_dump(
        mode="json", by_alias=True, exclude_none=True
    )
    # Who else may use the store, and who is told of it, is nothing of one experiment. And whom to
    # trust changes for all at once.
    for name in ("access", "ledger", "tls"):
        spec.pop(name, None)
    return spec


def _store_identity(store: ObjectStore) -> dict[str, Any]:
    spec = _store(store)
    kept: dict[str, Any] = {key: spec[key] for key in _STORE if key in spec}
    kept["bucket"] = store.spec.artifacts.bucket
    if store.spec.sts is not None:
        kept["role"] = store.spec.sts.role_arn
        kept["stsEndpoint"] = store.spec.sts.endpoint or store.spec.endpoint
    return kept


def _differing(bound: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(sorted(key for key in {*bound, *now} if bound.get(key) != now.get(key)))
