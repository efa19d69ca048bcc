"""Argo CD's health scripts and actions, run as it runs them: Lua 5.1 with the few libraries.

Argo CD opens the base and table libraries and an `os` that tells the time and no more; `string` and
the rest are missing. It decides about an object that is being deleted before it asks a script.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from lupa import lua51

SETTINGS: Final = (
    Path(__file__).parents[2] / "docs" / "examples" / "gitops" / "argo-cd" / "argocd-cm.yaml"
)
# Of Lua's own globals; `os` is cut down as well.
_MISSING = ("string", "io", "math", "debug", "coroutine", "package", "require", "module", "python")
_OS = ("clock", "date", "difftime", "time")
_STATUSES = {"Healthy", "Progressing", "Degraded", "Suspended"}


def settings() -> dict[str, str]:
    """Return the data of the patch that the docs offer."""
    data: dict[str, str] = yaml.safe_load(SETTINGS.read_text())["data"]
    return data


def argo_health(obj: Mapping[str, Any]) -> str:
    """Return the health of an object of ours; what a script must not say fails.

    Raises:
        AssertionError: No script is offered for its kind, or it says what Argo CD does not know.
        lupa.lua51.LuaError: The script uses what it does not have.
    """
    if obj["metadata"].get("deletionTimestamp"):
        return "Progressing"
    script = settings().get(f"resource.customizations.health.glovebox.dev_{obj['kind']}")
    assert script, f"no health script for {obj['kind']}"
    answer = run_lua(script, obj)
    assert answer["status"] in _STATUSES, answer
    return str(answer["status"])


def actions(obj: Mapping[str, Any]) -> set[str]:
    """Return the actions that are offered for an Experiment as it is."""
    found = run_lua(_actions()["discovery.lua"], obj)
    return {name for name, entry in found.items() if not entry["disabled"]}


def act(name: str, obj: Mapping[str, Any]) -> dict[str, Any]:
    """Return an Experiment as an action would have it."""
    (script,) = (each["action.lua"] for each in _actions()["definitions"] if each["name"] == name)
    return run_lua(script, obj)


def run_lua(script: str, obj: Mapping[str, Any]) -> dict[str, Any]:
    """Run a script with the global `obj`; return the table that it returns."""
    lua = lua51.LuaRuntime(register_eval=False, register_builtins=False)
    names = lua.globals()
    for missing in _MISSING:
        names[missing] = None
    for each in list(names.os.keys()):
        if each not in _OS:
            names.os[each] = None
    names.obj = lua.table_from(dict(obj), recursive=True)
    found = _from_lua(lua.execute(script))
    assert isinstance(found, dict), found
    return found


def _actions() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(
        settings()["resource.customizations.actions.glovebox.dev_Experiment"]
    )
    return found


def _from_lua(value: Any) -> Any:
    if lua51.lua_type(value) != "table":
        return value
    keys = list(value.keys())
    if keys and all(isinstance(key, int) for key in keys):
        return [_from_lua(value[key]) for key in keys]
    return {key: _from_lua(value[key]) for key in keys}
