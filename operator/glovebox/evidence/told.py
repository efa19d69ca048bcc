"""What a verified seal says of its run, as lines for a person and as values for a program. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from glovebox.api.leakage_status import level_in_words
from glovebox.data.counting import counted
from glovebox.evidence.after_seal import Conclusion, Supplement
from glovebox.evidence.run_facts import ATTEMPTS, NODES, SESSIONS_END, TENANT_PODS
from glovebox.evidence.verification import Report


def lines_of(report: Report) -> list[str]:
    """Return what the seal says of the run, and what was said after it."""
    return [*_of_run(report), *_of_later(report)]


def not_read(report: Report) -> dict[str, int]:
    """Return how many of the signed versions were not read for it, by the reason."""
    unread = (each for each in (*report.artifacts, *report.later) if each.is_unreadable)
    # Lists of before there was a reason hold of these what no list can name.
    return dict(sorted(Counter(each.unreadable or "NotFoundByName" for each in unread).items()))


def values_of(report: Report) -> dict[str, Any]:
    """Return the same for programs."""
    details, definition = report.statement["predicate"]["runDetails"], report.definition
    metadata = details["metadata"]
    supplement, conclusion = report.supplement, report.conclusion
    return {
        "outcome": details["byproducts"][0]["annotations"].get("outcome", ""),
        "purpose": definition["internalParameters"].get("purpose"),
        "leakage": definition["internalParameters"].get("leakage", []),
        "data": _stated(definition),
        "code": definition["externalParameters"]["snapshot"].get("code"),
        "attempts": metadata.get(ATTEMPTS, []),
        "nodes": metadata.get(NODES, []),
        "tenantPods": metadata.get(TENANT_PODS),
        "logs": report.logs,
        "sessionsEndTime": metadata.get(SESSIONS_END),
        "supplement": _supplement(supplement) if supplement is not None else None,
        "conclusion": _conclusion(conclusion) if conclusion is not None else None,
    }


def _of_run(report: Report) -> Iterator[str]:
    values = values_of(report)
    purpose, code = values["purpose"], values["code"]
    if purpose:
        yield f"purpose, as it was before the run: {purpose['description']}"
    if code:
        yield f"code: {code['repository']} at {code['commit']}"
    for name, stated in values["data"].items():
        yield f"data of input {name}: {', '.join(f'{each} {stated[each]}' for each in stated)}"
    for row in values["leakage"]:
        yield _leak(row)
    if values["outcome"]:
        yield f"outcome of the run: {values['outcome']}"
    nodes = {node["name"]: node for node in values["nodes"]}
    for attempt in values["attempts"]:
        yield _attempt(attempt, nodes.get(attempt.get("node", ""), {}))
    if report.logs:
        yield f"logs: {report.logs} kept, as they were signed"
    tenants = values["tenantPods"]
    if tenants is not None:
        yield _tenants(tenants)


def _stated(definition: Mapping[str, Any]) -> dict[str, Mapping[str, str]]:
    """Return what the pins of the inputs said of their data, by the inputs' names."""
    found = {
        entry["name"]: entry.get("annotations", {}).get("stated")
        for entry in definition["resolvedDependencies"]
        if "name" in entry
    }
    return {name: stated for name, stated in found.items() if stated}


def _leak(row: Mapping[str, Any]) -> str:
    because = row.get("allowedBecause")
    allowed = f"; allowed because: {because}" if because else ""
    level = level_in_words(str(row["level"]))
    return f"leakage, {row['type']}: {level}: {row.get('message', '')}{allowed}"


def _attempt(attempt: Mapping[str, Any], node: Mapping[str, Any]) -> str:
    of = f" of stage {attempt['stage']}" if attempt.get("stage") else ""
    where = attempt.get("node") or "no node that is known"
    facts = (
        node.get(name)
        for name in (
            "architecture",
            "osImage",
            "kernelVersion",
            "kubeletVersion",
            "containerRuntimeVersion",
        )
    )
    described = ", ".join(str(each) for each in facts if each)
    ends = "; ".join(
        f"{each['name']}: exit code {each.get('exitCode', 'not known')},"
        f" image {str(each.get('imageId', 'not known')).rpartition('@')[2]}"
        for each in attempt.get("containers", ())
    )
    return (
        f"attempt {attempt['name']}{of} on {where}{f' ({described})' if described else ''}:"
        f" {attempt.get('phase', 'Unknown')}{f'; {ends}' if ends else ''}"
    )


def _tenants(tenants: Mapping[str, Any]) -> str:
    if not tenants["seen"]:
        return "other pods in the namespace: none were seen"
    more = " and more" if tenants["more"] else ""
    return (
        f"other pods in the namespace: {tenants['seen']} were seen{more}"
        f" ({', '.join(str(each) for each in tenants['names'][:5])})"
    )


def _of_later(report: Report) -> Iterator[str]:
    last, said = report.supplement, report.conclusion
    if last is not None:
        came = f"{counted(last.added, 'version')} came" if last.added else "nothing came"
        gone = ""
        if last.missing:
            were = "was" if last.missing == 1 else "were"
            gone = f", {counted(last.missing, 'sealed version')} {were} gone"
        yield f"listed once more on {last.listed}, with no session left: {came}{gone}"
    if said is not None:
        yield f"concluded by {said.by} on {said.signed}: {said.verdict}: {said.text}"


def _supplement(said: Supplement) -> dict[str, Any]:
    return {
        "listedTime": said.listed,
        "added": said.added,
        "missing": said.missing,
        "findings": list(said.findings),
    }


def _conclusion(said: Conclusion) -> dict[str, Any]:
    return {
        "verdict": said.verdict,
        "text": said.text,
        "by": said.by,
        "signedTime": said.signed,
    }
