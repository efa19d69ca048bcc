"""What an SRE sees: a Prometheus, its alerts as faults come and go, the dashboards' expressions.

The rules are the chart's. Only how long an alert waits differs: a second instead of minutes, for
somebody watches.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from glovebox.metrics.dashboard_files import dashboards, filled, variables
from glovebox.metrics.rules import plain_rules
from glovebox_local.demo.operators import OperatorProcess
from glovebox_local.demo.refusing import quote
from glovebox_local.demo.repairing import POLICY
from glovebox_local.demo.stage import BREAK_GLASS_ADMIN, TEAM, Act, Stage
from glovebox_local.demo.stories import Story
from glovebox_local.demo.stories.telling import apply, until
from glovebox_local.errors import LocalError
from glovebox_local.prometheus import Prometheus

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import RenderableType

    from glovebox_local.progress import Step

ALIVE: Final = "GloveboxAlive"
STORE: Final = "GloveboxStoreNotReady"
LINK: Final = "GloveboxBrokenLink"
ISOLATION: Final = "GloveboxIsolationIncomplete"
PLANTED: Final = (STORE, LINK, ISOLATION)
_TIMEOUT: Final = 90.0
# The job of the scrape is called as the dashboards call it.
_INTERVAL: Final = "10s"


def start(stage: Stage, step: Step) -> RenderableType:
    """Start Prometheus with the chart's rules, and wait until it knows that the operator works.

    Raises:
        LocalError: There is none on this machine, or something fires before a fault.
    """
    state = stage.environment.state
    if not isinstance(stage.operator, OperatorProcess):
        raise LocalError("Starting Prometheus", "it scrapes an operator on this machine alone")
    stage.prometheus = Prometheus(
        stage.folder / "prometheus", stage.operator.port, rules(), run=state.run, tied=False
    )
    stage.prometheus.start()
    _until(stage, f"{ALIVE} fires", lambda alerts: ALIVE in alerts)
    if others := sorted(set(_asked(stage).alerts()) - {ALIVE}):
        raise LocalError("Asking Prometheus before any fault", f"{others} fire")
    step.say(f"{_asked(stage).url}/alerts")
    return quote(f"curl {_asked(stage).url}/api/v1/alerts", f"{ALIVE}, and nothing else")


def fires(alert: str, file: str) -> Act:
    """Return a step that applies a fault and sees an alert fire.

    Args:
        alert: Its name.
        file: The fault, of the examples.
    """

    def act(stage: Stage, step: Step) -> RenderableType:
        shown = apply(stage, file, story=Story.SIGHT)
        return quote(shown, _fired(stage, step, alert))

    return act


def opens(stage: Stage, step: Step) -> RenderableType:
    """Delete a NetworkPolicy that cannot be created again, and see the alert fire.

    Raises:
        LocalError: It could not be deleted, or nothing fires.
    """
    shown = apply(stage, "policy.yaml", story=Story.SIGHT)
    space = stage.sealed_namespace
    _until_refused(stage, space)
    command = ("delete", "networkpolicy", POLICY, f"--namespace={space}")
    answer = stage.tools.try_kubectl(*command, person=BREAK_GLASS_ADMIN)
    if answer.code != 0:
        raise LocalError(f"`{answer.command}`", f"it says: {answer.text}")
    return quote(f"{shown}; {answer.command}", _fired(stage, step, ISOLATION))


def resolves(alert: str, file: str) -> Act:
    """Return a step that takes the fault away and sees the alert resolve.

    Args:
        alert: Its name.
        file: The fault.
    """

    def act(stage: Stage, step: Step) -> RenderableType:
        began = time.monotonic()
        shown = apply(stage, file, story=Story.SIGHT, verb="delete")
        _until(stage, f"{alert} is resolved", lambda alerts: alert not in alerts)
        step.say(f"resolved after {time.monotonic() - began:.0f} s")
        return quote(shown, "")

    return act


# The Experiments that a dashboard can choose.
_INFO: Final = "max by (resource_namespace, name, target_namespace) (glovebox_experiment_info)"


def show_dashboards(stage: Stage, step: Step) -> RenderableType:
    """Ask what each panel of each dashboard asks.

    Raises:
        LocalError: An expression or a rule is not understood.
    """
    from rich.table import Table  # noqa: PLC0415 - `glovebox --help` must not pay for it

    table = Table("dashboard", "panels", "with data now", "drawn from a recorded hour")
    asked = answered = 0
    there = [each["metric"] for each in _asked(stage).query(_INFO)]
    chosen = {"one": variables(there[:1]), "several": variables(there)}
    for name, board in dashboards().items():
        panels = list(board.panels)
        known = sum(
            any(
                _asked(stage).query(
                    filled(query, interval=_INTERVAL, chosen=chosen.get(board.choice))
                )
                for query in panel.queries
            )
            for panel in panels
        )
        asked, answered = asked + len(panels), answered + known
        picture = f"docs/img/dashboard-{name}.png"
        table.add_row(board.title, str(len(panels)), str(known), picture)
    if wrong := _asked(stage).rule_errors():
        raise LocalError("Asking Prometheus for its rules", f"not evaluated: {wrong}")
    if not answered:
        raise LocalError("Asking what the dashboards ask", "no panel has data")
    step.say(f"{answered} of {asked} panels have data, no rule has an error")
    return table


def rules() -> dict[str, Any]:
    """Return the chart's rules; what is planted here fires after a second."""
    found = plain_rules()
    for rule in (rule for group in found["groups"] for rule in group["rules"]):
        if rule.get("alert") in PLANTED:
            rule["for"] = "1s"
    return found


def _asked(stage: Stage) -> Prometheus:
    if stage.prometheus is None:
        raise LocalError("Asking Prometheus", "it was not started")
    return stage.prometheus


def _fired(stage: Stage, step: Step, alert: str) -> str:
    began = time.monotonic()
    fired = _until(stage, f"{alert} fires", lambda alerts: alert in alerts)[alert]
    step.say(f"fires after {time.monotonic() - began:.0f} s")
    said = fired["annotations"]
    return (
        f"{alert} ({fired['labels']['severity']}): {said['summary']}\n{said['description']}"
        f"\ndocs/runbooks/{alert}.md"
    )


def _until(
    stage: Stage, what: str, is_so: Callable[[dict[str, dict[str, Any]]], bool]
) -> dict[str, dict[str, Any]]:
    alerts: dict[str, dict[str, Any]] = {}

    def look() -> bool:
        nonlocal alerts
        alerts = _asked(stage).alerts()
        return is_so(alerts)

    until(
        "Asking Prometheus",
        lambda: f"{what}; what fires: {sorted(alerts)}",
        look,
        seconds=_TIMEOUT,
        log=stage.operator.log,
    )
    return alerts


def _until_refused(stage: Stage, space: str) -> None:
    # The API server learns of a policy a moment after it took it.
    create = ("create", "--dry-run=server", "--filename=-")
    policy = (
        '{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata":'
        f' {{"name": "asked", "namespace": "{TEAM}"}}, "spec": {{"podSelector": {{}}}}}}'
    )
    said = ""

    def look() -> bool:
        nonlocal said
        said = stage.tools.try_kubectl(*create, stdin=policy).text
        return "needs a ticket" in said

    until("Waiting for the policy to act", lambda: f"in {space}: {said}", look, seconds=_TIMEOUT)
