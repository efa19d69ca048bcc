"""Names in the policies of sessions: in the partition of the role, and rights on keys of KMS."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from glovebox.store.credentials import MAX_POLICY, session_policy
from glovebox.store.input_credentials import Readable, input_policy
from glovebox.store.source_access import Location, source_policy

OPERATOR = Path(__file__).parents[3] / "operator"
KEY = "arn:aws-cn:kms:cn-north-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
POLICIES: dict[str, Callable[[str, tuple[str, ...]], str]] = {
    "a run": lambda role, keys: session_policy("artifacts", "team/exp/uid/", role, keys),
    "its inputs": lambda role, keys: input_policy(
        [Readable("data", "train/", is_prefix=True), Readable("m", "key", is_prefix=False)],
        role,
        keys,
    ),
    "sources of pins": lambda role, keys: source_policy([Location("data", "train/")], role, keys),
}


def statements(policy: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(policy)["Statement"]
    return found


def resources(policy: str) -> set[str]:
    return {one for each in statements(policy) for one in each["Resource"]}


@pytest.mark.parametrize("who", POLICIES)
@pytest.mark.parametrize("partition", ["aws", "aws-us-gov", "aws-cn"])
def test_every_name_is_in_the_partition_of_the_role(who: str, partition: str) -> None:
    found = resources(POLICIES[who](f"arn:{partition}:iam::123456789012:role/runs", ()))
    assert found > {"*"}
    assert {each.split(":")[1] for each in found - {"*"}} == {partition}


def test_a_role_of_a_store_that_has_no_accounts_is_one_of_aws() -> None:
    assert "arn:aws:s3:::data/train/*" in resources(
        POLICIES["sources of pins"]("arn:aws:iam:::role/Runner", ())
    )


def test_no_name_of_a_bucket_is_made_anywhere_else() -> None:
    making = [
        path.name for path in OPERATOR.rglob("*.py") if ":s3:::" in path.read_text(encoding="utf-8")
    ]
    assert making == ["arns.py"]


@pytest.mark.parametrize(
    ("who", "actions"),
    [
        ("a run", ["kms:GenerateDataKey", "kms:Decrypt"]),
        ("its inputs", ["kms:Decrypt"]),
        ("sources of pins", ["kms:Decrypt"]),
    ],
)
def test_rights_on_a_key_are_those_that_are_needed_and_on_no_other(
    who: str, actions: list[str]
) -> None:
    policy = POLICIES[who]("arn:aws-cn:iam::123456789012:role/runs", (KEY, "", KEY))
    about = [
        each
        for each in statements(policy)
        if any(action.startswith("kms:") for action in each["Action"])
    ]
    assert about == [{"Effect": "Allow", "Action": actions, "Resource": [KEY]}]


@pytest.mark.parametrize("who", POLICIES)
@pytest.mark.parametrize(
    "key",
    [
        "",
        "team-key",
        "alias/team",
        "arn:aws:kms:here:1:alias/team",
        "arn:aws:kms:here:1:key/a*",  # it would be right on many
        "arn:aws:kms:here:1:key/a/../*",
    ],
)
def test_what_is_no_arn_of_a_key_is_given_no_right(who: str, key: str) -> None:
    """MinIO refuses a whole policy that names an action of KMS; it keeps none per user."""
    assert "kms:" not in POLICIES[who]("arn:aws:iam:::role/Runner", (key,))


def test_the_longest_names_fit_with_the_keys_of_before_and_of_now() -> None:
    prefix = f"{'t' * 63}/{'e' * 253}/{'0' * 36}/"
    role = "arn:aws-cn:iam::123456789012:role/runs"
    assert len(session_policy("b" * 63, prefix, role, (KEY, KEY.replace("key/1", "key/2")))) <= (
        MAX_POLICY
    )
