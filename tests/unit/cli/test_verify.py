"""`glovebox verify` on a folder: what it says, what it demands, and that names cannot act on it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from glovebox.cli.main import app
from glovebox.evidence.artifacts import Artifact
from glovebox.evidence.keys import TrustBundle, encode_bundle, read_bundle, trusted
from glovebox.evidence.signer import new_key_pair
from unit.evidence.test_verification import ARTIFACTS, PAIR, artifact, sealed

UNLOCKED = artifact("open.txt", lock_mode="", retain_until_time="")
UNREADABLE = artifact("odd", sha256="", lock_mode="", retain_until_time="")


def bundle(folder: Path, artifacts: list[Artifact], **changes: Any) -> Path:
    """Write the evidence of a seal and the keys that it is verified with."""
    envelope, raw, snapshot = sealed(artifacts, **changes)
    (folder / "attestation.dsse.json").write_bytes(envelope)
    (folder / "artifacts.jsonl").write_bytes(raw)
    (folder / "snapshot.json").write_bytes(snapshot)
    (folder / "keys.pem").write_text(PAIR.public)
    return folder


def verify(folder: Path, *arguments: str, key: str = "keys.pem") -> tuple[int, str]:
    command = ["verify", str(folder), "--key", str(folder / key), *arguments]
    done = CliRunner().invoke(app, command)
    return done.exit_code, done.output


def verified(folder: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    code, output = verify(folder, "--output=json", *arguments)
    answer: dict[str, Any] = json.loads(output)
    return code, answer


def test_it_says_what_it_checked_and_what_it_did_not(tmp_path: Path) -> None:
    code, output = verify(bundle(tmp_path, ARTIFACTS))
    assert (code, output) == (
        0,
        f"""\
The seal of team/exp holds.
  signed on 2026-11-25T05:11:00+00:00 with key {trusted(PAIR.public).key_id}
  3 object versions listed: 3 locked, 0 unlocked, 0 unreadable; the first lock ends on \
2026-11-26T00:00:00Z
  outcome of the run: Succeeded
  other pods in the namespace: none were seen
  checked: the signature, the list of artifacts and the snapshot
  checked: the logs, the last listing and the conclusion, as far as there are any
  not checked: the artifacts themselves, and whether they are still locked: that needs the store
""",
    )


def test_versions_are_counted_and_a_missing_lock_fails(tmp_path: Path) -> None:
    folder = bundle(tmp_path, [*ARTIFACTS, UNLOCKED, UNREADABLE])
    code, answer = verified(folder)
    assert (code, answer["verified"]) == (1, False)
    assert [each["what"] for each in answer["findings"]] == ["Unlocked"]
    counts = ("artifacts", "locked", "unlocked", "unreadable", "lockedGovernance", "deleteMarkers")
    assert [answer[name] for name in counts] == [5, 3, 1, 1, 0, 0]


def test_that_a_seal_does_not_know_some_bytes_is_in_its_first_line(tmp_path: Path) -> None:
    hidden = [
        artifact(f"{number}.bin", sha256="", unreadable=why)
        for number, why in enumerate(("Denied", "Archived", "Denied"))
    ]
    folder = bundle(tmp_path, [*ARTIFACTS, *hidden])
    code, output = verify(folder)
    assert code == 0
    assert output.splitlines()[0] == (
        "The seal of team/exp holds, and does not say what is in 3 object versions that nobody"
        " could read (1 Archived, 2 Denied)."
    )
    assert verified(folder)[1]["notRead"] == {"Archived": 1, "Denied": 2}


def test_a_missing_lock_is_allowed_when_that_is_asked_for_and_is_counted_still(
    tmp_path: Path,
) -> None:
    code, answer = verified(bundle(tmp_path, [*ARTIFACTS, UNLOCKED]), "--allow-unlocked")
    assert (code, answer["verified"], answer["unlocked"]) == (0, True, 1)


@pytest.mark.parametrize(
    ("demand", "code"),
    [
        (("--experiment", "team/exp", "--uid", "u1"), 0),
        (("--experiment", "team/other"), 1),
        (("--uid", "u2"), 1),
        (("--digest", "sha256:" + "0" * 64), 1),
    ],
)
def test_the_experiment_that_is_expected_is_demanded(
    demand: tuple[str, ...], code: int, tmp_path: Path
) -> None:
    assert verified(bundle(tmp_path, ARTIFACTS), *demand)[0] == code


def test_a_bundle_of_several_keys_is_taken(tmp_path: Path) -> None:
    folder = bundle(tmp_path, ARTIFACTS)
    keys = TrustBundle((trusted(new_key_pair().public), *read_bundle(PAIR.public).keys))
    (folder / "keys.json").write_bytes(encode_bundle(keys))
    code, output = verify(folder, key="keys.json")
    assert (code, trusted(PAIR.public).key_id in output) == (0, True)
    (folder / "keys.json").write_bytes(encode_bundle(TrustBundle(keys.keys[:1])))
    code, output = verify(folder, key="keys.json")
    assert (code, "SignatureInvalid" in output) == (1, True)


def test_keys_that_were_fetched_before_a_rotation_are_told_by_name(tmp_path: Path) -> None:
    folder, former = bundle(tmp_path, ARTIFACTS), trusted(new_key_pair().public)
    (folder / "keys.json").write_bytes(encode_bundle(TrustBundle((former,))))
    code, output = verify(folder, key="keys.json")
    signed = trusted(PAIR.public).key_id
    assert (code, f"it names the key {signed}, and trusted are {former.key_id}" in output) == (
        1,
        True,
    )
    assert "Get the keys again: rotated keys are published in `keys.json`" in output
    assert "does not hold: 1 finding." in output


def test_of_a_statement_that_was_edited_it_is_not_told_that_keys_are_missing(
    tmp_path: Path,
) -> None:
    folder = bundle(tmp_path, ARTIFACTS)
    path = folder / "attestation.dsse.json"
    envelope = json.loads(path.read_text())
    other = json.loads(sealed(ARTIFACTS, experiment="team/other")[0])
    path.write_text(json.dumps(envelope | {"payload": other["payload"]}))
    code, output = verify(folder)
    assert (code, "Get the keys again" in output) == (1, False)
    assert "whose signature is over something else" in output
    path.write_text(json.dumps(envelope | {"signatures": [{"keyid": HOSTILE, "sig": "AAAA"}]}))
    assert "it names no key, and trusted are" in verify(folder)[1]
    path.write_text(json.dumps(envelope | {"signatures": []}))
    assert "it has no signature" in verify(folder)[1]


@pytest.mark.parametrize("name", ["exp", "team/", "/exp", "a/b/c"])
def test_an_experiment_that_is_named_by_half_is_no_finding(name: str, tmp_path: Path) -> None:
    code, output = verify(bundle(tmp_path, ARTIFACTS), "--experiment", name)
    assert (code, "name it NAMESPACE/NAME" in output, "does not hold" in output) == (
        2,
        True,
        False,
    )


def test_what_the_seal_does_not_vouch_for_is_shown_although_it_holds(tmp_path: Path) -> None:
    code, output = verify(bundle(tmp_path, ARTIFACTS, findings=("input `train`: 1 missing",)))
    assert code == 0
    assert "note: the seal does not vouch for this: input `train`: 1 missing" in output


@pytest.mark.parametrize("digest", ["0" * 64, "sha256:0f", "sha256:" + "G" * 64])
def test_a_digest_that_is_written_by_half_is_no_finding(digest: str, tmp_path: Path) -> None:
    code, output = verify(bundle(tmp_path, ARTIFACTS), "--digest", digest)
    assert (code, "write it whole" in output, "does not hold" in output) == (2, True, False)


def test_of_a_leak_that_is_proved_it_is_said_that_it_cannot_be(tmp_path: Path) -> None:
    rows = ({"type": "NoTestSet", "level": "Proved", "message": "there is test"},)
    code, output = verify(bundle(tmp_path, ARTIFACTS, leakage=rows))
    assert (code, "leakage, NoTestSet: Proved (it cannot be): there is test" in output) == (0, True)


HOSTILE = "\x1b]0;owned\x07\x9b2J\u202e\nThe seal of team/exp holds."


def test_no_name_acts_on_the_terminal(tmp_path: Path) -> None:
    hostile = artifact(HOSTILE, lock_mode="", retain_until_time="")
    folder = bundle(tmp_path, [hostile], findings=(HOSTILE,), experiment=HOSTILE)
    for arguments in ((), ("--allow-unlocked",), ("--output=json",)):
        _, output = verify(folder, *arguments)
        assert all(letter.isprintable() or letter == "\n" for letter in output)
        assert "\nThe seal of team/exp holds." not in f"\n{output}"


def test_many_findings_of_one_kind_are_counted_and_json_has_them_all(tmp_path: Path) -> None:
    many = [artifact(f"{n:03}", lock_mode="", retain_until_time="") for n in range(120)]
    folder = bundle(tmp_path, many)
    code, output = verify(folder)
    assert (code, output.count("Unlocked  team/"), "Unlocked  and 100 more" in output) == (
        1,
        20,
        True,
    )
    assert len(verified(folder)[1]["findings"]) == 120


@pytest.mark.parametrize(
    "missing", ["attestation.dsse.json", "artifacts.jsonl", "snapshot.json", "keys.pem"]
)
def test_what_cannot_be_verified_is_neither_right_nor_wrong(missing: str, tmp_path: Path) -> None:
    folder = bundle(tmp_path, ARTIFACTS)
    (folder / missing).unlink()
    code, output = verify(folder)
    assert (code, missing in output) == (2, True)
