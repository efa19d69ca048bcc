"""The Secret of an experiment's namespace with what the stages of its run are given. Pure.

It holds the keys that stages name and no others, under a fixed name, so that the operator needs the
right to that one name alone in foreign namespaces. A pod of a stage has the keys of that stage,
and no other pod has any: the guards know the name.

What was bound is a version of each source, its UID and its `resourceVersion`: they tell nothing of
what it holds, as a hash would to whoever can guess. The copy says which versions it was made of,
and is immutable. So it stays as it was bound whatever becomes of the sources, and one that has to
be made again is made of the same versions or not at all.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from glovebox import names
from glovebox.api import reasons
from glovebox.api.experiment import Experiment
from glovebox.api.isolation_profile import IsolationProfile
from glovebox.api.stage_secrets import OfferedSecret, StageSecret
from glovebox.api.stages import Stage
from glovebox.data.digest import digest_of
from glovebox.data.spoken import spoken
from glovebox.desired.metadata import KubernetesObject
from glovebox.errors import InvalidInput, NotReady

TYPE: Final = "Opaque"
SECRETS_FOLDER: Final = "/var/run/glovebox/secrets"
SECRETS_VOLUME: Final = "stage-secrets"
# Each opens the API server, which no pod of an experiment may reach.
REFUSED_TYPES: Final = frozenset(
    {"bootstrap.kubernetes.io/token", "kubernetes.io/service-account-token"}
)
# Nothing tells of a change of a source: the operator may not watch foreign Secrets.
_LOOK_AGAIN_SECONDS: Final = 30.0
# What a Secret holds.
_MOST_BYTES: Final = 1 << 20
# Each is looked for in each log that is kept, in every spelling.
_MOST_TEXTS: Final = 1000

Sources = Mapping[str, Mapping[str, Any]]


def asked_secrets(experiment: Experiment) -> tuple[str, ...]:
    """Return the names of the secrets that some stage is given, in order."""
    given = (each.name for stage in experiment.spec.stages for each in stage.secrets)
    return tuple(sorted(set(given)))


def offered_secrets(profile: IsolationProfile, asked: Iterable[str]) -> tuple[OfferedSecret, ...]:
    """Return what a profile says of secrets that are asked for, by name."""
    wanted = frozenset(asked)
    found = (each for each in profile.spec.secrets if each.name in wanted)
    return tuple(sorted(found, key=lambda each: each.name))


def version_of(source: Mapping[str, Any]) -> str:
    """Return the version of a Secret that was read; every write of it makes another one."""
    metadata = source["metadata"]
    return f"{metadata['uid']}/{metadata['resourceVersion']}"


def stage_secrets(
    metadata: Mapping[str, Any],
    stages: Sequence[Stage],
    offered: Iterable[OfferedSecret],
    sources: Sources,
) -> KubernetesObject:
    """Return the Secret.

    Args:
        metadata: Namespace and labels, beside its name.
        stages: Of the run.
        offered: What the profile says of the secrets that they name.
        sources: The Secrets as they were read, by the name that the profile gives them.

    Raises:
        NotReady: `SecretInvalid`: one of them is of a type that is not given to runs, has no such
            key, or a value that no environment variable can hold; or there is too much in them
            together.
    """
    places = {each.name: each for each in offered}
    data: dict[str, str] = {}
    for stage in stages:
        for given in stage.secrets:
            data[_key(given)] = _value(places[given.name], given, sources[given.name])
    size = sum(len(base64.b64decode(value)) for value in data.values())
    if size > _MOST_BYTES:
        raise _invalid(
            f"what stages are given takes {size} bytes, more than the {_MOST_BYTES} of one Secret:"
            " name fewer keys, or pin what is large and no secret as a dataset"
        )
    texts = {text for value in data.values() for text in spoken(value)}
    if len(texts) > _MOST_TEXTS:
        raise _invalid(
            f"what stages are given has {len(texts)} lines and texts, more than the {_MOST_TEXTS}"
            " that are looked for in a log before it is kept: name keys with less in them, or pin"
            " what is no secret as a dataset"
        )
    versions = {name: version_of(source) for name, source in sources.items()}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            **metadata,
            "name": names.STAGE_SECRETS,
            "annotations": {names.ANNOTATION_CONTENT_DIGEST: _digest(data, versions)},
        },
        "type": TYPE,
        "immutable": True,
        "data": data,
    }


def is_as_bound(
    live: Mapping[str, Any], labels: Mapping[str, str], versions: Mapping[str, str]
) -> bool:
    """Return whether a Secret is as it was copied of these very versions, and marked as ours."""
    metadata = live["metadata"]
    told = (metadata.get("annotations") or {}).get(names.ANNOTATION_CONTENT_DIGEST)
    marked = metadata.get("labels") or {}
    return (
        live.get("type") == TYPE
        and live.get("immutable") is True
        and told == _digest(live.get("data") or {}, versions)
        and all(marked.get(key) == value for key, value in labels.items())
    )


def check_versions(
    team: str, offered: Iterable[OfferedSecret], sources: Sources, versions: Mapping[str, str]
) -> None:
    """Return when the sources are the versions that were bound.

    Raises:
        InvalidInput: `SecretChanged`: one is another by now; no later look finds the former.
    """
    for each in offered:
        if version_of(sources[each.name]) != versions.get(each.name):
            raise InvalidInput(
                reasons.SECRET_CHANGED,
                f"{_named(each, team)} was written since it was bound, and what the stages were"
                " given of it has to be copied again: declare the Experiment under another name,"
                " which is bound to the Secret as it is now",
            )


def secret_variables(stage: Stage) -> list[dict[str, Any]]:
    """Return the environment variables of a stage that hold secrets, and where the files are."""
    variables: list[dict[str, Any]] = [
        {
            "name": each.env,
            "valueFrom": {"secretKeyRef": {"name": names.STAGE_SECRETS, "key": _key(each)}},
        }
        for each in _ordered(stage)
        if each.env is not None
    ]
    if _files(stage):
        variables.append({"name": "GLOVEBOX_SECRETS", "value": SECRETS_FOLDER})
    return variables


def secret_mounts(stage: Stage) -> list[dict[str, Any]]:
    """Return the mount of the files with secrets of a stage; none where it has no such file."""
    if not _files(stage):
        return []
    return [{"name": SECRETS_VOLUME, "mountPath": SECRETS_FOLDER, "readOnly": True}]


def secret_volumes(stage: Stage) -> list[dict[str, Any]]:
    """Return the volume behind it, with the keys of this stage alone."""
    files = _files(stage)
    if not files:
        return []
    items = [{"key": _key(each), "path": f"{each.name}/{each.key}"} for each in files]
    return [{"name": SECRETS_VOLUME, "secret": {"secretName": names.STAGE_SECRETS, "items": items}}]


def not_found(offered: OfferedSecret, team: str) -> NotReady:
    """Return what is waited for while a source is not there."""
    return NotReady(
        reasons.SECRET_NOT_FOUND,
        f"{_named(offered, team)} does not exist, and a stage is to be given it: create it there,"
        " or take it out of `stages[].secrets`",
        retry_seconds=_LOOK_AGAIN_SECONDS,
    )


def not_readable(offered: OfferedSecret, team: str) -> NotReady:
    """Return what is waited for while the operator has no right to read a source."""
    namespace, name = offered.place(team)
    return NotReady(
        reasons.SECRET_NOT_READABLE,
        f"the operator may not read {_named(offered, team)}, which a stage is to be given: the"
        f" platform team adds {{namespace: {namespace}, names: [{name}]}} to"
        " `operator.secretSources` of the chart",
        retry_seconds=_LOOK_AGAIN_SECONDS,
    )


def _value(offered: OfferedSecret, given: StageSecret, source: Mapping[str, Any]) -> str:
    kind = source.get("type") or TYPE
    whose = f"the Secret that the profile calls '{offered.name}'"
    if kind in REFUSED_TYPES:
        raise _invalid(
            f"{whose} is of type '{kind}', which opens the API server and is given to no run: have"
            " the profile name another Secret"
        )
    data = source.get("data") or {}
    if given.key not in data:
        raise _invalid(
            f"{whose} has no key '{given.key}': name one that it has, or add it to the Secret"
        )
    encoded = str(data[given.key])
    if given.env is not None and not _is_text(encoded):
        raise _invalid(
            f"the value of key '{given.key}' of {whose} is no text, and no environment variable can"
            f" hold it: leave out `env: {given.env}`, and have the program read the file"
        )
    return encoded


def _is_text(encoded: str) -> bool:
    try:
        return "\0" not in base64.b64decode(encoded).decode()
    except (binascii.Error, UnicodeDecodeError):
        return False


def _ordered(stage: Stage) -> list[StageSecret]:
    return sorted(stage.secrets, key=lambda each: (each.name, each.key))


def _files(stage: Stage) -> list[StageSecret]:
    return [each for each in _ordered(stage) if each.env is None]


def _key(given: StageSecret) -> str:
    """Return the key in the copy: names hold no dot, so no two are one."""
    return f"{given.name}.{given.key}"


def _named(offered: OfferedSecret, team: str) -> str:
    namespace, name = offered.place(team)
    return f"Secret '{name}' in namespace '{namespace}' (`{offered.name}` of the profile)"


def _digest(data: Mapping[str, str], versions: Mapping[str, str]) -> str:
    return digest_of({"data": dict(data), "versions": dict(versions)})


def _invalid(what: str) -> NotReady:
    # Whoever corrects it may not be the one who declared the Experiment: it waits.
    return NotReady(reasons.SECRET_INVALID, what, retry_seconds=_LOOK_AGAIN_SECONDS)
