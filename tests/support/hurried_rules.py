"""The rules of the chart in a hurry: each duration is cut by one factor, and nothing else is.

An alert that waits for a day could not be seen to fire in a test. Expressions, thresholds by name
and labels stay those of the product.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from support.promtool import seconds

# A day is half a minute.
FACTOR: Final = 2880
# A rate needs two samples, and a machine at work scrapes late.
LEAST_RANGE: Final = 30
LEAST_WAIT: Final = 1
_RANGE: Final = re.compile(r"(\[|\boffset )(\d+[smhd])\b")


def hurried(rules: Mapping[str, Any], factor: int = FACTOR) -> dict[str, Any]:
    """Return groups of rules whose waits and ranges are shorter by a factor.

    Args:
        rules: Groups, as a rule file has them.
        factor: By which each is divided. None gets shorter than the least, or than it was.
    """
    return {
        **rules,
        "groups": [
            {**group, "rules": [_hurried(rule, factor) for rule in group["rules"]]}
            for group in rules["groups"]
        ],
    }


def _hurried(rule: Mapping[str, Any], factor: int) -> dict[str, Any]:
    def shorter(found: re.Match[str]) -> str:
        return found[1] + _cut(found[2], factor, LEAST_RANGE)

    wait = {"for": _cut(rule["for"], factor, LEAST_WAIT)} if "for" in rule else {}
    return {**rule, "expr": _RANGE.sub(shorter, rule["expr"]), **wait}


def _cut(text: str, factor: int, least: int) -> str:
    whole = seconds(text)
    return f"{min(whole, max(least, round(whole / factor)))}s"
