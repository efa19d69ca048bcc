"""What people meet on the repository's pages: forms that can be filled, owners of what exists."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FORMS = ROOT / ".github" / "ISSUE_TEMPLATE"
HERE = "https://github.com/glovebox-dev/glovebox/blob/main/"


@pytest.mark.parametrize("name", ["bug.yml", "feature.yml"])
def test_a_form_has_what_a_form_needs(name: str) -> None:
    form = yaml.safe_load((FORMS / name).read_text())
    assert set(form) == {"name", "description", "labels", "body"}
    fields: list[dict[str, Any]] = [each for each in form["body"] if each["type"] != "markdown"]
    assert {each["type"] for each in form["body"]} <= {"markdown", "textarea", "input"}
    ids = [each["id"] for each in fields]
    assert len(set(ids)) == len(ids)
    assert all(each["attributes"]["label"] for each in fields)
    assert any((each.get("validations") or {}).get("required") for each in fields)


def test_links_beside_the_forms_lead_to_pages_that_exist() -> None:
    config = yaml.safe_load((FORMS / "config.yml").read_text())
    assert not config["blank_issues_enabled"]
    pages = [each["url"] for each in config["contact_links"] if each["url"].startswith(HERE)]
    assert pages
    assert [each for each in pages if not (ROOT / each.removeprefix(HERE)).is_file()] == []
    # A security problem is never an issue.
    urls = [each["url"] for each in config["contact_links"]]
    assert any(url.endswith("/security/advisories/new") for url in urls)


def test_owners_are_of_what_exists() -> None:
    lines = (ROOT / ".github" / "CODEOWNERS").read_text().splitlines()
    rules = [line.split() for line in lines if line and not line.startswith("#")]
    assert rules[0][0] == "*"
    for pattern, *owners in rules:
        assert owners
        assert all(owner.startswith("@glovebox-dev/") for owner in owners)
        assert pattern == "*" or (ROOT / pattern.lstrip("/")).exists(), pattern
