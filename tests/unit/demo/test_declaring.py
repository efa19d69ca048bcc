"""The example, with the address of the running store filled in."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from glovebox_local.demo.declaring import EXAMPLE, condition, write_example
from glovebox_local.demo.stage import find_repository
from glovebox_local.errors import LocalError
from glovebox_local.seaweedfs_config import Keys, StoreAccess

ACCESS = StoreAccess(
    "http://127.0.0.1:23456",
    "eu-north-1",
    "arn:aws:iam::1:role/runs",
    Keys("a", "b"),
    Keys("c", "d"),
)


TRAINER = "registry.example/flights/trainer@sha256:" + "7" * 64


@pytest.mark.parametrize("trainer", [TRAINER, None], ids=["with a node", "without"])
def test_only_what_depends_on_this_machine_is_filled_in(
    tmp_path: Path, trainer: str | None
) -> None:
    source = find_repository() / EXAMPLE
    target = write_example(source, tmp_path / "copy", ACCESS, trainer=trainer)
    assert sorted(file.name for file in target.iterdir()) == sorted(
        file.name for file in source.glob("*.yaml")
    )
    for file in source.glob("*.yaml"):
        before, after = (
            yaml.safe_load_all((folder / file.name).read_text()) for folder in (source, target)
        )
        for was, is_now in zip(before, after, strict=True):
            if was["kind"] == "ObjectStore":
                was["spec"]["endpoint"] = ACCESS.endpoint
                was["spec"]["region"] = ACCESS.region
                was["spec"]["sts"]["roleArn"] = ACCESS.role_arn
                was["spec"]["network"] = {"cidrs": ["127.0.0.1/32"], "port": 23456}
            if was["kind"] == "Experiment" and trainer:
                was["spec"]["images"][0]["reference"] = trainer
            if was["kind"] == "Experiment" and not trainer:
                assert was["spec"].pop("stages")[0]["image"] == "trainer"
            assert is_now == was


def test_comments_are_part_of_the_example(tmp_path: Path) -> None:
    source = find_repository() / EXAMPLE / "objectstore.yaml"
    target = (
        write_example(source.parent, tmp_path / "copy", ACCESS, trainer=TRAINER)
        / "objectstore.yaml"
    )
    assert target.read_text().count("#") == source.read_text().count("#") > 0


@pytest.mark.parametrize(
    "text",
    ["spec:\n  region: x\n", "spec:\n  endpoint: x\n  endpoint: y\n"],
    ids=["a field is missing", "a field is there twice"],
)
def test_an_example_that_has_changed_its_shape_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "objectstore.yaml").write_text(text)
    with pytest.raises(LocalError, match="lines for `endpoint`, not 1"):
        write_example(tmp_path, tmp_path / "copy", ACCESS, trainer=TRAINER)


def test_a_condition_that_was_never_written_is_empty() -> None:
    ready = {"type": "Ready", "status": "True"}
    assert condition({"status": {"conditions": [ready]}}, "Ready") == ready
    assert condition({"status": {"conditions": [ready]}}, "Stalled") == {}
    assert condition({}, "Ready") == {}
