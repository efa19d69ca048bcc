"""The story of who watches uses the chart's rules, and says how they differ."""

from __future__ import annotations

import yaml

from glovebox.api.feature_set_pin import FeatureSetPin
from glovebox.api.object_store import ObjectStore
from glovebox.metrics.rules import plain_rules
from glovebox_local.demo.stories import Story, watching
from support.examples import REPOSITORY

FOLDER = REPOSITORY / "docs" / "examples" / "stories" / Story.SIGHT


def test_only_what_is_planted_waits_for_a_second_and_all_else_is_the_charts() -> None:
    plain, hasty = plain_rules()["groups"], watching.rules()["groups"]
    differing = {
        theirs["alert"]: (ours.pop("for"), theirs.pop("for"))
        for before, after in zip(plain, hasty, strict=True)
        for ours, theirs in zip(before["rules"], after["rules"], strict=True)
        if ours != theirs
    }
    assert differing == {
        watching.STORE: ("10m", "1s"),
        watching.LINK: ("15m", "1s"),
        watching.ISOLATION: ("5m", "1s"),
    }
    assert plain == hasty
    page = (REPOSITORY / "docs" / "how-to" / "play-the-stories.md").read_text()
    assert "wait for a second instead of 5\nto 15 minutes" in page


def test_each_fault_is_a_declaration_that_the_api_takes() -> None:
    ObjectStore.model_validate(yaml.safe_load((FOLDER / "store.yaml").read_text()))
    FeatureSetPin.model_validate(yaml.safe_load((FOLDER / "features.yaml").read_text()))
