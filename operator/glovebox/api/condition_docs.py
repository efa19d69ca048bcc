"""The reference of conditions, reasons and Events: `python -m glovebox.api.condition_docs`.

Made from the tables beside the constants (`conditions.py`, `reasons/`, `event_catalogue.py`);
`--check` compares the committed pages.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from glovebox.api import conditions, generated
from glovebox.api.event_catalogue import EVENTS
from glovebox.api.reasons import MEANINGS

_MODULE: Final = "glovebox.api.condition_docs"
_HEAD: Final = f"<!-- Made by `python -m {_MODULE}`. Do not edit. -->\n"
_CONDITIONS: Final = """\
# Conditions and reasons

Every resource reports what was observed as conditions: `kubectl describe` shows them, and
`kubectl wait --for=condition=Ready` waits for them. `True` says that something was observed; what
was not observed is `Unknown`. `Reconciling` and `Stalled` are present only while true and never
both, as [kstatus](https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md)
expects, so that Argo CD and Flux judge health right.

A reason is one word, stable, and the same in conditions, [Events](events.md) and the
[metric](metrics.md) `glovebox_object_unhealthy`. To find one, search this page for the word. What
waits for another object repeats that object's reason or names it in its message: look there next.

The *grace time* is 300 seconds and three attempts: before both have passed, an error that may pass
by itself changes no condition of what was Ready. The chart's `operator.settings.graceSeconds` and
`graceAttempts` set others, for every kind.
"""
_EVENTS: Final = """\
# Events

`kubectl describe` shows the Events of an object, `kubectl get events -A` all of them. An Event is a
courtesy to people: the same one is not repeated within ten minutes, their number is bounded, and
nothing depends on them. What holds now is in the [conditions](conditions.md); each reason is
explained there.
"""


def conditions_page() -> str:
    """Return the page of condition types and reasons."""
    return "\n".join((_HEAD + _CONDITIONS, *_type_lines(), *_reason_lines()))


def events_page() -> str:
    """Return the page of Events."""
    return "\n".join((_HEAD + _EVENTS, *_event_lines()))


def _type_lines() -> Iterator[str]:
    yield "## Condition types\n"
    yield "| type | on | True | False | Unknown |"
    yield "|---|---|---|---|---|"
    for name, meaning in conditions.TYPE_MEANINGS.items():
        unknown = meaning.unknown or "does not occur"
        yield f"| `{name}` | {meaning.kinds} | {meaning.true} | {meaning.false} | {unknown} |"
    yield ""


def _reason_lines() -> Iterator[str]:
    yield "## Reasons\n"
    yield ", ".join(f"[{word}](#{word.lower()})" for word in sorted(MEANINGS)) + "\n"
    for word in sorted(MEANINGS):
        meaning = MEANINGS[word]
        yield f"### {word}\n"
        yield f"{meaning.means}\n"
        yield f"- Where: {meaning.on}"
        yield f"- What to do: {meaning.cure}\n"


def _event_lines() -> Iterator[str]:
    yield "| reason | type | on | when |"
    yield "|---|---|---|---|"
    for entry in EVENTS:
        link = f"[{entry.reason}](conditions.md#{entry.reason.lower()})"
        yield f"| {link} | {entry.severity} | {entry.regarding} | {entry.when} |"
    yield (
        "| the reason of `Stalled` | Warning | every kind | when an object becomes `Stalled`, or"
        " for another reason; the note is the condition's message |"
    )
    yield ""


def reference_files(folder: Path) -> dict[Path, str]:
    """Return the texts of the pages, by their paths."""
    return {
        folder / "conditions.md": conditions_page(),
        folder / "events.md": events_page(),
    }


if __name__ == "__main__":
    sys.exit(generated.main(reference_files, Path("docs/reference"), module=_MODULE))
