from __future__ import annotations

from typing import Any

import orjson
import pytest

from glovebox.data.delivery import (
    Delivered,
    failure_message,
    parse_plan,
    render_plan,
    success_message,
)
from glovebox.errors import InvalidInput

DIGEST = "sha256:" + "1" * 64
MANIFEST = {"bucket": "b", "key": "k", "versionId": "v", "digest": DIGEST}
DATASET = {
    "name": "train",
    "digest": DIGEST,
    "pinDigest": DIGEST,
    "objects": 9,
    "bytes": 11,
    "manifest": MANIFEST,
    "store": "primary",
}
FEATURES = {"name": "base", "digest": DIGEST, "document": {"features": []}}
STORE = {
    "name": "primary",
    "endpoint": "http://172.31.0.254:8333",
    "region": "us-east-1",
    "pathStyle": True,
}
PLAN: dict[str, Any] = {
    "format": "glovebox.dev/inputs/v1",
    "datasets": [DATASET],
    "features": [FEATURES],
    "stores": [STORE],
}


def test_a_plan_is_read_as_it_is_written_and_has_one_spelling() -> None:
    text = render_plan(parse_plan(orjson.dumps(PLAN)))
    assert orjson.loads(text) == PLAN
    assert render_plan(parse_plan(text)) == text
    two = {**PLAN, "datasets": [{**DATASET, "name": "test"}, DATASET]}
    turned = {**PLAN, "datasets": [DATASET, {**DATASET, "name": "test"}]}
    assert render_plan(parse_plan(orjson.dumps(two))) == render_plan(
        parse_plan(orjson.dumps(turned))
    )


def changed(part: str, **fields: Any) -> dict[str, Any]:
    return {**PLAN, part: [{**PLAN[part][0], **fields}]}


@pytest.mark.parametrize(
    ("plan", "where"),
    [
        pytest.param({}, "inputs/v1", id="no format"),
        pytest.param({**PLAN, "format": "glovebox.dev/inputs/v2"}, "format", id="a newer format"),
        pytest.param({**PLAN, "extra": 1}, "extra", id="an unknown part"),
        pytest.param(changed("datasets", retries=1), "retries", id="an unknown field"),
        pytest.param(
            changed("datasets", name="../train"), "name", id="a name that leads out of the volume"
        ),
        pytest.param(
            changed("datasets", name=".glovebox"), "name", id="the name of our own folder"
        ),
        pytest.param(
            changed("datasets", digest="1" * 64), "digest", id="a digest without its algorithm"
        ),
        pytest.param(changed("datasets", objects="9"), "objects", id="a number as text"),
        pytest.param(changed("datasets", objects=-1), "objects", id="less than nothing"),
        pytest.param(
            changed("datasets", manifest={**MANIFEST, "versionId": ""}),
            "versionId",
            id="no version",
        ),
        pytest.param(
            changed("datasets", store="other"), "store 'other'", id="a store that is not described"
        ),
        pytest.param(changed("features", name="train"), "two inputs", id="one name for two inputs"),
        pytest.param(
            {**PLAN, "stores": [STORE, STORE]}, "two stores", id="one name for two stores"
        ),
        pytest.param(changed("stores", endpoint="file:///etc"), "endpoint", id="no HTTP"),
        pytest.param([PLAN], "at the whole", id="a list"),
    ],
)
def test_a_plan_that_cannot_be_meant_is_refused(plan: object, where: str) -> None:
    with pytest.raises(InvalidInput, match="the plan of the inputs") as refused:
        parse_plan(orjson.dumps(plan))
    assert refused.value.reason == "PlanInvalid"
    assert where in refused.value.message


MOUNTED = {"name": "held", "digest": DIGEST, "objects": 1, "bytes": 1}


def test_a_volume_has_a_name_of_its_own() -> None:
    assert parse_plan(orjson.dumps({**PLAN, "mounted": [MOUNTED]})).mounted
    for name in ("train", "base"):
        plan = {**PLAN, "mounted": [{**MOUNTED, "name": name}]}
        with pytest.raises(InvalidInput, match="two inputs have one name"):
            parse_plan(orjson.dumps(plan))


def test_a_plan_of_more_bytes_than_any_is_refused_unread() -> None:
    text = orjson.dumps(PLAN)
    assert parse_plan(text + b" " * ((4 << 20) - len(text))).datasets
    with pytest.raises(InvalidInput, match="has 4194305 bytes, more than 4194304") as refused:
        parse_plan(text + b" " * ((4 << 20) - len(text) + 1))
    assert refused.value.reason == "PlanInvalid"


@pytest.mark.parametrize(
    ("part", "one"),
    [("features", FEATURES), ("stores", STORE), ("mounted", MOUNTED)],
    ids=["features", "stores", "volumes"],
)
def test_each_part_of_a_plan_is_in_one_order(part: str, one: dict[str, Any]) -> None:
    several = [*PLAN.get(part, ()), {**one, "name": "z"}, {**one, "name": "a"}]
    plans = ({**PLAN, part: each} for each in (several, several[::-1]))
    assert len({render_plan(parse_plan(orjson.dumps(each))) for each in plans}) == 1


def delivered(number: int) -> Delivered:
    return Delivered(
        name=f"input-{number}",
        digest=DIGEST,
        pin_digest=DIGEST,
        objects=2,
        bytes=10,
        seconds=0.12345,
        fetched=1,
        kept=1,
        transferred=5,
    )


def test_a_success_message_fits_and_counts_what_it_omits() -> None:
    few = orjson.loads(success_message((delivered(1),)))
    assert few == {
        "reason": "Delivered",
        "message": "1 inputs, 2 files, 10 bytes",
        "inputs": [orjson.loads(delivered(1).proof())],
    } | {
        "inputs": [
            {
                key: value
                for key, value in orjson.loads(delivered(1).proof()).items()
                if key != "format"
            }
        ]
    }
    text = success_message(tuple(delivered(number) for number in range(64)))
    many = orjson.loads(text)
    assert len(text) <= 4096
    assert many["omitted"] + len(many["inputs"]) == 64
    assert many["message"] == "64 inputs, 128 files, 640 bytes"


@pytest.mark.parametrize("path", ["a", "ä" * 1024, '"' * 1024, "\n" * 1024, "\ud800"])
def test_a_failure_message_is_one_line_that_fits(path: str) -> None:
    text = failure_message("DigestMismatch", "m" * 9000, name="train", path=path)
    assert len(text) <= 4096
    assert b"\n" not in text
    assert orjson.loads(text)["reason"] == "DigestMismatch"
