"""Snapshot: what a run depends on, as canonical JSON, with its digest, in one immutable ConfigMap.

The digest is the identity of an experiment: same digest, same experiment, in whatever namespace and
under whatever name. It covers the content of the inputs and their roles, code, images,
configuration, routes, declared resources, the stages, the artifacts' store and retention, and what
the platform gave: the profile as it takes effect and where the stores are (`platform.identity`). Of
what pins say of their data it covers what the profile's rules looked at. It does not cover who, why
and for how long (name, team, UID, purpose, life cycle), nor how the experiment is operated.

Whoever reads the ConfigMap can check it: the SHA-256 of `snapshot.json`, byte for byte, is
`digest`. Fields that are not set are left out, so that a field added later changes no digest of
before.

Beside it lies what the status records of the binding. The results can be sealed from that when
their Experiment is lost, and its status with it (`bound_snapshot.py` reads it back).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from glovebox import names
from glovebox.api.base import Model
from glovebox.api.experiment import EgressRoute, Experiment, Purpose
from glovebox.api.experiment_inputs import AllowedOverlap
from glovebox.api.experiment_status import BoundPurpose
from glovebox.api.input_status import InputStatus
from glovebox.api.stages import Stage
from glovebox.data.digest import canonical_json, digest_of_json
from glovebox.desired import quantity
from glovebox.desired.accelerators import used_accelerators
from glovebox.desired.data_rules import checked_fields
from glovebox.desired.inputs import ExperimentInputs, ResolvedInput
from glovebox.desired.metadata import KubernetesObject, owned_metadata
from glovebox.desired.network_policy import canonical_network
from glovebox.desired.platform import identity
from glovebox.desired.quota import extended_resources
from glovebox.desired.run_ways import AUTHORITIES_FILE
from glovebox.desired.stage_order import canonical

FORMAT: Final = "glovebox.dev/experiment/v1"
# The keys of the ConfigMap; the image guard of the chart reads `images`, one reference per line.
KEY_SNAPSHOT: Final = "snapshot.json"
KEY_DIGEST: Final = "digest"
KEY_IMAGES: Final = "images"
# The image that may write volumes of inputs and read with their credentials; the guards read it. No
# part of the digest.
KEY_PLATFORM_IMAGE: Final = "platformImage"
# The images that may be mounted as volumes, one reference per line; the guards read it. No part of
# the digest: the bytes are.
KEY_INPUT_IMAGES: Final = "inputImages"
# The extended resources that the quota counts, one a line; the guards admit no other. No part of
# the digest: the quota is.
KEY_EXTENDED_RESOURCES: Final = "extendedResources"
# Whom the programs of the run trust, in PEM: they read it as a file. The digest covers it with the
# profile.
KEY_AUTHORITIES: Final = AUTHORITIES_FILE
# Whether anybody but the operator may start pods; the guards read it. No part of the digest: that
# there is a run is.
KEY_HAND_MADE_PODS: Final = "handMadePods"
REFUSED: Final = "Refused"
# As in the status: the platform's settings, and the inputs as a JSON list. No part of the digest.
KEY_PLATFORM: Final = "platform"
KEY_INPUTS: Final = "inputs"
# Why, as it was said before the run; no part of the digest.
KEY_PURPOSE: Final = "purpose"
# The leakage sheet, as a JSON list. No part of the digest, which covers what the datasets hold and
# what they may share, and not what their pins say of times and groups.
KEY_LEAKAGE: Final = "leakage"


def dependencies(
    experiment: Experiment,
    inputs: Iterable[ResolvedInput],
    platform: Mapping[str, Any],
    checked: Collection[str] = (),
) -> dict[str, Any]:
    """Return what the digest covers, in plain JSON values.

    Lists that are sets (inputs, images, routes, ports, stages and what they need) may come in any
    order; quantities and networks in any spelling.

    Args:
        experiment: The Experiment.
        inputs: Its inputs with the pins that were found for them.
        platform: What of the platform's settings is part of its identity (`platform.identity`).
        checked: What of the words of pins the profile's rules looked at
            (`data_rules.checked_fields`).

    Raises:
        InvalidInput: `NotCanonical`, when a value has no single spelling in JSON.
    """
    spec = experiment.spec
    parts = {
        "format": FORMAT,
        "profile": spec.profile,
        "code": _declared(spec.code) if spec.code else None,
        "platform": dict(platform),
        "inputs": [
            _input(item, checked)
            for item in sorted(inputs, key=lambda item: (item.kind, item.name))
        ],
        "allowOverlap": sorted(
            (_allowed(entry) for entry in spec.inputs.allow_overlap), key=canonical_json
        ),
        "images": {image.name: image.reference for image in spec.images},
        "config": _declared(spec.config),
        "network": [
            _route(route) for route in sorted(spec.network.egress, key=lambda route: route.name)
        ],
        # By name; what each of them is stands in the platform's settings.
        "services": sorted(spec.network.services),
        "useProxy": spec.network.use_proxy or None,
        "resources": _plain(spec.resources.quota),
        "stages": [_stage(stage) for stage in canonical(spec.stages)],
        "artifacts": _declared(spec.artifacts),
    }
    return {key: value for key, value in parts.items() if value not in (None, {}, [])}


def snapshot(inputs: ExperimentInputs) -> KubernetesObject:
    """Return the ConfigMap.

    It is immutable: the API server refuses a change of its data, whoever asks.
    """
    stores = {store.name: store for store in (inputs.store, *inputs.input_stores)}
    covered = dependencies(
        inputs.experiment,
        inputs.inputs,
        identity(
            inputs.profile,
            tuple(stores[name] for name in sorted(stores)),
            inputs.experiment.spec.network.services,
            used_accelerators(inputs.experiment, inputs.profile),
            inputs.secrets,
            uses_proxy=inputs.experiment.spec.network.use_proxy,
        ),
        checked_fields(inputs.profile.spec),
    )
    text = canonical_json(covered)
    mounted = sorted({item.image for item in inputs.mounted if item.image})
    tls = inputs.profile.spec.network.tls
    extended = extended_resources(inputs.experiment, inputs.profile)
    references = sorted(
        {image.reference for image in inputs.experiment.spec.images}
        | ({inputs.platform_image} - {""})
    )
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": owned_metadata(names.SNAPSHOT_CONFIG_MAP, inputs),
        "immutable": True,
        "data": {
            KEY_SNAPSHOT: text.decode(),
            KEY_DIGEST: digest_of_json(text),
            KEY_IMAGES: "\n".join(references),
            **({KEY_PLATFORM_IMAGE: inputs.platform_image} if inputs.platform_image else {}),
            **({KEY_EXTENDED_RESOURCES: "\n".join(extended)} if extended else {}),
            **({KEY_INPUT_IMAGES: "\n".join(mounted)} if mounted else {}),
            **({KEY_AUTHORITIES: tls.ca_bundle} if tls is not None else {}),
            **({KEY_HAND_MADE_PODS: REFUSED} if inputs.experiment.spec.has_run else {}),
            **({KEY_PLATFORM: inputs.platform_text} if inputs.platform_text else {}),
            **({KEY_INPUTS: _recorded(inputs.bound)} if inputs.bound else {}),
            **({KEY_PURPOSE: inputs.purpose_text} if inputs.purpose_text else {}),
            **({KEY_LEAKAGE: inputs.leakage_text} if inputs.leakage_text else {}),
        },
    }


def recorded_purpose(purpose: Purpose | BoundPurpose) -> dict[str, str]:
    """Return what is recorded of a purpose: why, who, and the ticket."""
    dumped: dict[str, str] = purpose.model_dump(
        by_alias=True,
        mode="json",
        include={"description", "owner", "ticket"},
        exclude_defaults=True,
    )
    return dumped


def purpose_text(purpose: Purpose | BoundPurpose) -> str:
    """Return it as canonical JSON, as it lies in the ConfigMap."""
    return canonical_json(recorded_purpose(purpose)).decode()


def recorded_input(entry: InputStatus) -> dict[str, Any]:
    """Return a bound input as it is recorded."""
    dumped: dict[str, Any] = entry.model_dump(by_alias=True, mode="json", exclude_defaults=True)
    return dumped


def _recorded(bound: Iterable[InputStatus]) -> str:
    return canonical_json([recorded_input(entry) for entry in bound]).decode()


def declared_size(experiment: Experiment) -> int:
    """Return how many bytes the snapshot takes before its inputs are known.

    The reasons of `allowOverlap` stand in the leakage sheet once more, for each kind.
    """
    references = sum(len(image.reference) + 1 for image in experiment.spec.images)
    allowed = experiment.spec.inputs.allow_overlap
    again = sum(len(canonical_json(each.reason)) * len(each.of) for each in allowed)
    return len(canonical_json(dependencies(experiment, (), {}))) + references + again


def _input(item: ResolvedInput, checked: Collection[str]) -> dict[str, Any]:
    stated = (
        item.stated.model_dump(by_alias=True, include=set(checked), exclude_defaults=True)
        if item.stated is not None
        else {}
    )
    described = {
        "name": item.name,
        "kind": item.kind,
        "role": item.role,
        "digest": item.digest,
        "stated": stated or None,
    }
    return {key: value for key, value in described.items() if value is not None}


def _allowed(entry: AllowedOverlap) -> dict[str, Any]:
    return {"inputs": sorted(entry.inputs), "of": sorted(entry.of), "reason": entry.reason}


def _route(route: EgressRoute) -> dict[str, Any]:
    ports = sorted({(port.port, port.protocol) for port in route.ports})
    return {
        "name": route.name,
        "cidr": str(canonical_network(route.cidr)),
        "ports": [{"port": port, "protocol": protocol} for port, protocol in ports],
    }


def _stage(stage: Stage) -> Mapping[str, Any]:
    declared = _declared(stage)
    amounts = {"sharedMemory": stage.shared_memory, "scratch": stage.scratch}
    plain: dict[str, Any] = {
        name: quantity.plain(amount) for name, amount in amounts.items() if amount is not None
    }
    sets: Mapping[str, Collection[str | int]] = {
        "needs": stage.needs,
        "inputs": stage.inputs,
        "failOnExitCodes": stage.fail_on_exit_codes,
    }
    plain |= {field: sorted(named) for field, named in sets.items() if named}
    if stage.resources:
        plain["resources"] = _plain(stage.resources)
    if stage.secrets:
        given = sorted(stage.secrets, key=lambda each: (each.name, each.key))
        plain["secrets"] = [_declared(each) for each in given]
    return {**declared, **plain}


def _plain(amounts: Mapping[str, str]) -> dict[str, str]:
    return {resource: quantity.plain(amount) for resource, amount in amounts.items()}


def _declared(part: Model) -> Mapping[str, Any]:
    dumped: Mapping[str, Any] = part.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {key: value for key, value in dumped.items() if value not in ({}, [])}
