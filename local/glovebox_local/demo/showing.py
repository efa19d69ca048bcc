"""Third chapter: what came of it, read from the API server and from the operator's metrics."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from glovebox import names
from glovebox.api import conditions
from glovebox_local.demo.declaring import condition
from glovebox_local.demo.stage import TEAM, Stage
from glovebox_local.errors import LocalError

if TYPE_CHECKING:
    from rich.table import Table

    from glovebox_local.progress import Step

# What the operator puts into an Experiment's namespace, in the order in which it does.
PROVISIONED = (
    "networkpolicies",
    "resourcequotas",
    "limitranges",
    "configmaps",
    "serviceaccounts",
    "rolebindings",
    "secrets",
)
_SHORT_DIGEST = len("sha256:") + 12


def show_pins(stage: Stage, step: Step) -> Table:
    """Show each pin with the digest of its content.

    Raises:
        LocalError: kubectl failed, or a pin that is Ready has no digest.
    """
    table = _table("pin", "kind", "holds", "content digest", "read in full")
    pins = [
        *_items(stage, "datasetpins.glovebox.dev"),
        *_items(stage, "splitpins.glovebox.dev"),
        *_items(stage, "featuresetpins.glovebox.dev"),
    ]
    for pin in pins:
        status = pin["status"]
        table.add_row(
            pin["metadata"]["name"],
            pin["kind"],
            _holds(status),
            _short(status["digest"]),
            _clock(status.get("verifiedTime", "")),
        )
    step.say(f"{len(pins)} pins")
    return table


def _holds(status: dict[str, Any]) -> str:
    """Return how much a pin holds, by its kind."""
    if "objects" in status:
        return f"{status['objects']} objects, {_megabytes(status['bytes'])}"
    if "parts" in status:
        return f"{len(status['parts'])} parts"
    return f"{status['features']} features"


def show_experiment(stage: Stage, step: Step) -> Table:
    """Show what the Experiment became.

    Raises:
        LocalError: It has no digest or no namespace, though it is Ready.
    """
    experiment = stage.experiment
    status = experiment["status"]
    if not status.get("digest") or not status.get("namespace"):
        raise LocalError(
            "Reading the Experiment", f"it is Ready without digest or namespace: {status}"
        )
    table = _table("", "")
    table.add_row("namespace", status["namespace"])
    table.add_row("digest", status["digest"])
    for entry in status.get("inputs") or ():
        table.add_row(f"input {entry['name']}", f"{entry['pinRef']}  {_short(entry['digest'])}")
    artifacts = status.get("artifacts") or {}
    table.add_row("artifacts", artifacts.get("uri", "-"))
    if artifacts.get("credentialsExpireTime"):
        table.add_row("credentials end", _clock(artifacts["credentialsExpireTime"]))
    for entry in status["conditions"]:
        table.add_row(entry["type"], _answer(entry))
    step.say(
        f"{experiment['metadata']['name']}, {condition(experiment, 'Ready').get('reason', '')}"
    )
    return table


def _answer(entry: Mapping[str, str]) -> str:
    good = "False" if entry["type"] == conditions.DRIFT_DETECTED else "True"
    if entry["status"] == good:
        return f"[green]{entry['status']}[/] {entry['reason']}"
    # What is not so, or not known to be so, says why.
    return f"[yellow]{entry['status']}[/] {entry['reason']}: {_plain(entry.get('message', ''))}"


def show_namespace(stage: Stage, step: Step) -> Table:
    """Show every object that the operator put into the Experiment's namespace.

    Raises:
        LocalError: There is none.
    """
    namespace = stage.sealed_namespace
    selector = f"{names.LABEL_MANAGED_BY}={names.MANAGED_BY}"
    found = stage.tools.get(",".join(PROVISIONED), namespace=namespace, selector=selector)["items"]
    if not found:
        raise LocalError(
            "Looking into the Experiment's namespace",
            f"{namespace} holds nothing of the operator's",
        )
    order = {name: index for index, name in enumerate(PROVISIONED)}
    table = _table("kind", "name", "says")
    for obj in sorted(
        found,
        key=lambda obj: (order.get(_plural(obj["kind"]), len(order)), obj["metadata"]["name"]),
    ):
        table.add_row(obj["kind"], obj["metadata"]["name"], describe(obj))
    step.say(f"{len(found)} objects in {namespace}")
    return table


def describe(obj: Mapping[str, Any]) -> str:
    """Return in a few words what an object of an Experiment's namespace allows or holds."""
    words = _DESCRIPTIONS.get(obj["kind"])
    return words(obj) if words else ""


def _describe_quota(obj: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(obj["spec"]["hard"].items()))


def _describe_limits(obj: Mapping[str, Any]) -> str:
    default = obj["spec"]["limits"][0].get("default", {})
    return (
        "a container gets "
        + ", ".join(f"{name} {value}" for name, value in sorted(default.items()))
        + " unless it says"
    )


def _describe_snapshot(obj: Mapping[str, Any]) -> str:
    digest = obj["data"].get("digest")
    return ", ".join(
        [
            "immutable" if obj.get("immutable") else "can be edited",
            *([_short(digest)] if digest else []),
        ]
    )


def _describe_binding(obj: Mapping[str, Any]) -> str:
    return f"{obj['roleRef']['name']} for " + ", ".join(
        subject["name"] for subject in obj.get("subjects") or ()
    )


def _describe_account(obj: Mapping[str, Any]) -> str:
    return (
        "no token is mounted"
        if obj.get("automountServiceAccountToken") is False
        else "a token is mounted"
    )


def _describe_secret(obj: Mapping[str, Any]) -> str:
    return ", ".join(sorted(obj.get("data") or {}))


def _describe_policy(obj: Mapping[str, Any]) -> str:
    spec = obj["spec"]
    ways = []
    for direction, preposition in (("egress", "to"), ("ingress", "from")):
        for rule in spec.get(direction) or ():
            peers = [_peer(peer) for peer in rule.get(preposition) or ()] or ["anywhere"]
            ports = ", ".join(
                f"{port.get('protocol', 'TCP')} {port.get('port', 'any')}"
                for port in rule.get("ports") or ()
            )
            ways.append(f"{preposition} {', '.join(peers)}" + (f": {ports}" if ports else ""))
    closed = " and ".join(kind.lower() for kind in spec.get("policyTypes") or ())
    return "; ".join(ways) if ways else f"all {closed} closed"


def _peer(peer: Mapping[str, Any]) -> str:
    if "ipBlock" in peer:
        return str(peer["ipBlock"]["cidr"])
    pods = (peer.get("podSelector") or {}).get("matchLabels") or {}
    namespaces = (peer.get("namespaceSelector") or {}).get("matchLabels") or {}
    place = next(iter(namespaces.values()), "")
    if not pods:
        return f"pods of {place}" if place else "its own pods"
    return f"{next(iter(pods.values()))} in {place}" if place else str(next(iter(pods.values())))


_DESCRIPTIONS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "NetworkPolicy": _describe_policy,
    "ResourceQuota": _describe_quota,
    "LimitRange": _describe_limits,
    "ConfigMap": _describe_snapshot,
    "RoleBinding": _describe_binding,
    "ServiceAccount": _describe_account,
    "Secret": _describe_secret,
}


def show_metrics(stage: Stage, step: Step) -> Table:
    """Show a few of the operator's own figures.

    Raises:
        LocalError: The operator does not answer.
    """
    samples = parse_metrics(stage.operator.page("/metrics"))
    ready = samples.get("glovebox_experiment_time_to_ready_seconds_sum", 0.0)
    count = samples.get("glovebox_experiment_time_to_ready_seconds_count", 0.0)
    rows = (
        (
            "from the Experiment's creation to Ready, its pins included",
            f"{ready / count:.2f} s" if count else "-",
        ),
        (
            "bytes read and hashed to pin the data",
            _megabytes(samples.get("glovebox_digest_checked_bytes_total", 0.0)),
        ),
        (
            "requests to the API server so far",
            f"{samples.get('glovebox_kube_requests_total', 0.0):.0f}",
        ),
        ("memory of the operator", _megabytes(samples.get("process_resident_memory_bytes", 0.0))),
    )
    table = _table("", "")
    for row in rows:
        table.add_row(*row)
    step.say(stage.operator.commands[0])
    return table


def parse_metrics(page: str) -> dict[str, float]:
    """Return the sum over all labels of each metric on a page in Prometheus' text format."""
    totals: dict[str, float] = {}
    for line in page.splitlines():
        found = re.fullmatch(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{.*\})? (\S+)", line)
        if found:
            totals[found[1]] = totals.get(found[1], 0.0) + float(found[2])
    return totals


def _items(stage: Stage, resource: str) -> Sequence[dict[str, Any]]:
    items: list[dict[str, Any]] = stage.tools.get(resource, namespace=TEAM)["items"]
    return items


def _plural(kind: str) -> str:
    return "networkpolicies" if kind == "NetworkPolicy" else f"{kind.lower()}s"


def _table(*headers: str) -> Table:
    from rich.table import Table  # noqa: PLC0415 - `glovebox --help` must not pay for it

    table = Table(
        box=None,
        header_style="bold dim",
        pad_edge=False,
        padding=(0, 2, 0, 0),
        show_header=any(headers),
    )
    for header in headers:
        table.add_column(header, overflow="fold")
    return table


def _short(digest: str) -> str:
    return f"{digest[:_SHORT_DIGEST]}…" if len(digest) > _SHORT_DIGEST else digest


def _plain(text: str) -> str:
    from rich.markup import escape  # noqa: PLC0415 - as above

    return escape(text)


def _megabytes(size: float) -> str:
    return f"{size / 1e6:.1f} MB"


def _clock(time: str) -> str:
    return time.partition("T")[2][:8] + " UTC" if "T" in time else time
