"""Files that are made of the alerts: `python -m glovebox.metrics.rule_files [--check]`.

The rules of the chart, the same rules for a Prometheus without its operator, a runbook for each
alert, and the page that lists them.
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from glovebox.api import generated
from glovebox.api.reasons import MEANINGS
from glovebox.metrics.rules import (
    Alert,
    alerts,
    groups,
    named,
    plain_rules,
    template_rules,
    thresholds,
    with_defaults,
)

_MODULE: Final = "glovebox.metrics.rule_files"
_MADE: Final = f"Made by `python -m {_MODULE}` from metrics/alerts. Do not edit."
_WIDTH: Final = 100
CHART_RULES: Final = Path("helm/glovebox/files/rules.yaml")
PLAIN_RULES: Final = Path("docs/reference/prometheus-rules.yaml")
PAGE: Final = Path("docs/reference/alerts.md")
RUNBOOK_FOLDER: Final = Path("docs/runbooks")
_LABEL: Final = re.compile(r"\{\{ \$labels\.(\w+) \}\}")
_VALUE: Final = re.compile(r"\{\{ \$value[^}]*\}\}")
_WHEN: Final = {
    "critical": "call somebody",
    "warning": "look today",
    "info": "look this week",
    "none": "for a dead man's switch",
}


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def rule_files(root: Path) -> dict[Path, str]:
    """Return the text of every file, by its path below the repository."""
    files = {
        CHART_RULES: _yaml(template_rules()),
        PLAIN_RULES: _yaml(plain_rules()),
        PAGE: "\n".join(_page()),
        RUNBOOK_FOLDER / "README.md": "\n".join(_index()),
    }
    for alert in alerts():
        files[RUNBOOK_FOLDER / f"{alert.name}.md"] = "\n".join(_runbook(alert))
    return {root / path: text for path, text in files.items()}


def _yaml(content: dict[str, Any]) -> str:
    body = yaml.dump(content, Dumper=_Dumper, sort_keys=False, width=_WIDTH - 8, allow_unicode=True)
    return f"# {_MADE}\n{body}"


def _said(text: str) -> str:
    """Return an annotation as a page shows it: a label's name for its value, N for a number."""
    return _VALUE.sub("N", _LABEL.sub(lambda found: f"*{found[1]}*", text)).replace("|", "\\|")


def _wrapped(text: str, width: int = _WIDTH) -> str:
    """Return paragraphs as narrow as pages are."""
    joined = " ".join(text.split())
    return textwrap.fill(joined, width, break_long_words=False, break_on_hyphens=False)


def _page() -> Iterator[str]:
    yield f"<!-- {_MADE} -->"
    yield "# Alerts"
    yield ""
    yield "How to install them is in [Monitor it](../how-to/monitor.md). An alert that is about a"
    yield "reason of the [conditions page](conditions.md) has its name. `critical`: call somebody."
    yield "`warning`: look today. `info`: look this week. The same rules as a plain file are in"
    yield "[prometheus-rules.yaml](prometheus-rules.yaml)."
    for group in groups():
        yield from ("", f"## {group.title}", "")
        yield "| alert | severity | for | what is the matter |"
        yield "|---|---|---|---|"
        for alert in group.alerts:
            link = f"[`{alert.name}`](../runbooks/{alert.name}.md)"
            yield f"| {link} | {alert.severity} | {alert.lasts or '-'} | {_said(alert.summary)} |"
    yield from ("", "## Thresholds", "")
    yield "Values of the chart below `metrics.prometheusRule.thresholds`; (s) means seconds."
    yield ""
    yield "| threshold | default | what it is | alerts |"
    yield "|---|---|---|---|"
    for name, threshold in thresholds().items():
        users = ", ".join(f"`{alert.name}`" for alert in alerts() if name in named(alert.expr))
        yield f"| `{name}` | {threshold.default} | {threshold.description} | {users} |"
    yield ""


def _index() -> Iterator[str]:
    yield f"<!-- {_MADE} -->"
    yield "# Runbooks"
    yield ""
    yield "One page for each alert: what it means, what it does to users, how to see more, what to"
    yield "do. Alerts link here (`runbook_url`, by default below the repository's own; the value"
    yield "`metrics.prometheusRule.runbooks` of the chart says where your copy is)."
    yield ""
    for group in groups():
        names = ", ".join(f"[{alert.alert}]({alert.name}.md)" for alert in group.alerts)
        yield textwrap.fill(
            f"- {group.title}: {names}",
            _WIDTH,
            subsequent_indent="  ",
            break_long_words=False,
            break_on_hyphens=False,
        )
    yield ""


def _runbook(alert: Alert) -> Iterator[str]:
    lasting = f"It has to be so for {alert.lasts}." if alert.lasts else "It fires at once."
    yield f"<!-- {_MADE} -->"
    yield f"# {alert.name}"
    yield ""
    yield f"Severity `{alert.severity}`: {_WHEN[alert.severity]}. {lasting}"
    said = _wrapped(f"{_said(alert.summary)} {_said(alert.description)}")
    yield from ("", "## Meaning", "", said, "")
    yield from ("```promql", with_defaults(alert.expr), "```")
    if alert.reason:
        yield from ("", f"The reason `{alert.reason}` in conditions and Events says:", "")
        yield textwrap.indent(_wrapped(MEANINGS[alert.reason].means, _WIDTH - 2), "> ")
    yield from ("", "## Impact", "", _wrapped(alert.impact), "", "## Diagnosis", "")
    commands = _LABEL.sub(lambda found: found[1].upper(), alert.diagnosis.rstrip())
    yield from ("```sh", commands, "```")
    yield from ("", "## Mitigation", "", _wrapped(alert.mitigation))
    if alert.reason:
        yield from ("", _wrapped(MEANINGS[alert.reason].cure))
    yield ""


if __name__ == "__main__":
    sys.exit(generated.main(rule_files, Path(), module=_MODULE))
