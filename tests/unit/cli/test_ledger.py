"""`glovebox ledger`: what it says of folders and buckets, its exit codes, and harmless print."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from glovebox.cli.main import app
from glovebox.jobs import ledger_checking
from glovebox.jobs.ledger_folder import export_whole
from glovebox.ledger.checkpoint import cosign, parse_checkpoint
from glovebox.ledger.entry import Kind, StatedObject
from glovebox.ledger.note import COSIGNATURE, parse_note, vkey_of
from glovebox.ledger.proof import parse_proof
from glovebox.store.connection import Stop
from glovebox.store.ledger_init import begin_epoch
from glovebox.store.ledger_objects import LedgerPlace
from glovebox.store.ledger_people import ensure_person
from glovebox.store.ledger_writer import open_ledger
from support.erasures import erasures, left, people_bucket
from support.ledger_logs import (
    LOG_KEY,
    NOW,
    OTHER,
    SIGNER,
    WITNESS,
    MemoryLedger,
    event,
    ledger_of,
    pem_of,
)
from support.ledger_stores import BASE, FIRST, Ledgers, stand_in

SEAL = "cd" * 32
STATED = StatedObject(".glovebox/seals/uid-3/attestation.dsse.json", "v1", SEAL)
WITNESS_KEY = vkey_of("witness.example.com/w1", WITNESS.public, COSIGNATURE)


def run(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["ledger", *map(str, arguments)])
    return done.exit_code, done.output


def exported(folder: Path, change: Callable[[MemoryLedger], None] | None = None) -> MemoryLedger:
    """Export a ledger of 600 entries, and write a policy beside it."""
    ledger = ledger_of(599, 300, 512)
    ledger.append(event(599, Kind.SEALED, objects=(STATED,)))
    ledger.publish()
    if change is not None:
        change(ledger)
    export_whole(ledger, folder / "ledger")
    (folder / "policy").write_text(f"log {LOG_KEY.text}\nquorum none\n")
    return ledger


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ledger")
    exported(folder)
    return folder


def test_a_ledger_that_holds_says_what_was_looked_at_and_what_was_not(made: Path) -> None:
    code, output = run("verify", made / "ledger", "--policy", made / "policy")
    assert code == 0
    assert "Epoch 1 of the ledger holds." in output
    assert "600 entries, 4 signed heads fit them" in output
    assert "not checked: locks, versions, and the objects that entries vouch for" in output


def test_json_is_for_programs(made: Path) -> None:
    code, output = run("verify", made / "ledger", "--policy", made / "policy", "-o", "json")
    answer = json.loads(output)
    (epoch,) = answer["epochs"]
    assert (code, answer["verified"], epoch["entries"]) == (0, True, 600)
    assert epoch["kinds"] == {"bind": 599, "sealed": 1}
    assert epoch["newest"]["size"] == 600


def test_the_exported_folder_is_a_static_log(made: Path) -> None:
    ledger = made / "ledger"
    head = parse_checkpoint(parse_note((ledger / "checkpoint").read_bytes()).text).head
    assert head.size == 600
    for name in (
        "tile/0/000",
        "tile/0/001",
        "tile/0/002.p/88",
        "tile/1/000.p/2",
        "tile/entries/000",
        "tile/entries/002.p/88",
    ):
        assert (ledger / name).is_file(), name


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("tile/entries/001", "EntryDiffers"),
        ("tile/0/001", "TileDiffers"),
        ("checkpoints/000/000/000/300", "CheckpointInvalid"),
        ("genesis", "GenesisInvalid"),
    ],
)
def test_a_file_that_was_changed_is_found(made: Path, tmp_path: Path, name: str, what: str) -> None:
    shutil.copytree(made / "ledger", tmp_path / "ledger")
    path = tmp_path / "ledger" / name
    raw = bytearray(path.read_bytes())
    raw[raw.find(b"Requested") if b"Requested" in raw else 40] ^= 1
    path.write_bytes(raw)
    code, output = run("verify", tmp_path / "ledger", "--policy", made / "policy")
    assert (code, what in output) == (1, True), output


def test_a_tail_that_was_cut_off_is_found_by_a_head_that_was_kept(
    made: Path, tmp_path: Path
) -> None:
    policy = ("--policy", made / "policy")
    assert run("verify", made / "ledger", *policy, "--save-head", tmp_path / "head")[0] == 0
    ledger = tmp_path / "ledger"
    shutil.copytree(made / "ledger", ledger)
    (ledger / "tile/entries/002.p/88").unlink()
    for size in ("599", "600"):
        (ledger / f"checkpoints/000/000/000/{size}").unlink()
    assert run("verify", ledger, *policy)[0] == 0, "alone it cannot be seen"
    code, output = run("verify", ledger, *policy, "--head", tmp_path / "head")
    assert (code, "WentBack" in output) == (1, True)


def test_a_head_is_not_kept_of_a_ledger_that_does_not_hold(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made / "ledger", tmp_path / "ledger")
    (tmp_path / "ledger" / "tile/0/000").unlink()
    arguments = ("--policy", made / "policy", "--save-head", tmp_path / "head")
    assert run("verify", tmp_path / "ledger", *arguments)[0] == 1
    assert not (tmp_path / "head").exists()


@pytest.mark.parametrize("what", ["0", "255", "256", "599", f"sha256:{SEAL}"])
def test_what_is_proven_is_checked_with_a_policy_and_nothing_else(
    made: Path, tmp_path: Path, what: str
) -> None:
    proof = tmp_path / "x.tlog-proof"
    assert run("prove", made / "ledger", what, "-o", proof)[0] == 0
    code, output = run("check", proof, "--policy", made / "policy")
    index = 599 if what.startswith("sha256") else int(what)
    assert (code, f"The proof holds: entry {index}," in output) == (0, True)
    assert parse_proof(proof.read_bytes()).index == index


def test_a_proof_is_of_the_digest_that_is_expected(made: Path, tmp_path: Path) -> None:
    proof = tmp_path / "x.tlog-proof"
    run("prove", made / "ledger", f"sha256:{SEAL}", "-o", proof)
    policy = ("--policy", made / "policy")
    assert run("check", proof, *policy, "--digest", f"sha256:{SEAL}")[0] == 0
    code, output = run("check", proof, *policy, "--digest", f"sha256:{'0' * 64}")
    assert (code, "does not speak of" in output) == (1, True)


def test_a_proof_that_does_not_hold_fails_and_one_that_is_missing_cannot_be_checked(
    made: Path, tmp_path: Path
) -> None:
    proof = tmp_path / "x.tlog-proof"
    run("prove", made / "ledger", 7, "-o", proof)
    raw = proof.read_bytes()
    proof.write_bytes(raw.replace(b"index 7", b"index 8"))
    assert run("check", proof, "--policy", made / "policy")[0] == 1
    other = vkey_of(LOG_KEY.name, OTHER.public).text
    (tmp_path / "policy").write_text(f"log {other}\nquorum none\n")
    proof.write_bytes(raw)
    assert run("check", proof, "--policy", tmp_path / "policy")[0] == 1
    assert run("check", tmp_path / "none", "--policy", made / "policy")[0] == 2
    assert run("check", proof, "--policy", proof)[0] == 2
    assert run("prove", made / "ledger", 600)[0] == 2
    assert run("verify", tmp_path, "--policy", made / "policy")[0] == 2


def test_a_policy_with_a_witness_demands_its_signature(tmp_path: Path) -> None:
    def witnessed(ledger: MemoryLedger) -> None:
        stored = ledger.heads[600]
        text = parse_note(stored.body).text
        line = cosign(text, WITNESS_KEY.name, WITNESS, NOW).line.encode()
        ledger.heads[600] = type(stored)(stored.body + line)

    exported(tmp_path, witnessed)
    rules = f"log {LOG_KEY.text}\nwitness w1 {WITNESS_KEY.text}\nquorum w1\n"
    (tmp_path / "policy").write_text(rules)
    policy = ("--policy", tmp_path / "policy")
    code, output = run("verify", tmp_path / "ledger", *policy)
    assert (code, "witness w1 saw it on 2026-11-25T12:00:00Z" in output) == (0, True)
    run("prove", tmp_path / "ledger", 3, "-o", tmp_path / "proof")
    assert run("check", tmp_path / "proof", *policy)[0] == 0
    other = vkey_of(WITNESS_KEY.name, OTHER.public, COSIGNATURE).text
    (tmp_path / "policy").write_text(rules.replace(WITNESS_KEY.text, other))
    code, output = run("verify", tmp_path / "ledger", *policy)
    assert (code, "NotWitnessed" in output) == (1, True)
    assert run("check", tmp_path / "proof", *policy)[0] == 1


def test_entries_are_shown_one_a_line(made: Path) -> None:
    code, output = run("show", made / "ledger", "--from", 598, "--to", 601)
    assert code == 0
    assert [line.split()[:3] for line in output.splitlines()] == [
        ["598", "2026-11-25T12:09:58Z", "bind"],
        ["599", "2026-11-25T12:09:59Z", "sealed"],
    ]
    code, output = run("show", made / "ledger", "--to", 1, "-o", "json")
    assert json.loads(output)["entry"]["index"] == 0


def test_a_part_is_exported_with_a_proof_for_each_entry(made: Path, tmp_path: Path) -> None:
    code, output = run("export", made / "ledger", tmp_path / "part", "--from", 254, "--to", 258)
    assert (code, output) == (0, "4 entries\n")
    for index in range(254, 258):
        proof = tmp_path / f"part/proofs/{index}.tlog-proof"
        assert run("check", proof, "--policy", made / "policy")[0] == 0
        body = (tmp_path / f"part/entries/000/000/000/{index}").read_bytes()
        assert parse_proof(proof.read_bytes()).extra == body


HOSTILE = "\x1b]0;owned\x07\x9b2J\u202e\nThe proof holds."


def test_nothing_in_an_entry_acts_on_the_terminal(tmp_path: Path) -> None:
    ledger = MemoryLedger()
    ledger.append(event(0, Kind.SEALED, objects=(StatedObject(HOSTILE, HOSTILE, SEAL),)))
    ledger.stored[1] = type(ledger.stored[0])(HOSTILE.encode())
    ledger.publish()
    export_whole(ledger, tmp_path / "ledger")
    (tmp_path / "ledger" / "x\x1b[2J").write_text("a stranger")
    (tmp_path / "policy").write_text(f"log {LOG_KEY.text}\nquorum none\n")
    policy = ("--policy", tmp_path / "policy")
    run("prove", tmp_path / "ledger", 0, "-o", tmp_path / "proof")
    for arguments in (
        ("verify", tmp_path / "ledger", *policy),
        ("verify", tmp_path / "ledger", *policy, "-o", "json"),
        ("show", tmp_path / "ledger"),
        ("show", tmp_path / "ledger", "-o", "json"),
        ("check", tmp_path / "proof", *policy),
        ("check", tmp_path / "proof", *policy, "-o", "json"),
        ("check", tmp_path / "proof", *policy, "--digest", HOSTILE),
    ):
        output = run(*arguments)[1]
        assert output
        assert all(letter.isprintable() or letter == "\n" for letter in output), arguments


# -- on a store


@pytest.fixture
def ledgers(monkeypatch: pytest.MonkeyPatch) -> Ledgers:
    """A stand-in store that the commands find."""
    clock: list[Ledgers] = []
    _, store, bucket = stand_in(lambda: clock[0].clock.now)
    clock.append(Ledgers(store, bucket))

    def with_bucket(name: str, act: Callable[[LedgerPlace, Stop], Any]) -> Any:
        return act(LedgerPlace(store, name, lambda _: None), Stop())

    monkeypatch.setattr(ledger_checking, "with_bucket", with_bucket)
    return clock[0]


def test_a_ledger_is_made_rotated_and_verified_across_its_epochs(
    ledgers: Ledgers, tmp_path: Path
) -> None:
    keys = [tmp_path / "one.pem", tmp_path / "two.pem"]
    for number, key in enumerate(keys, 1):
        key.write_text(pem_of(number))
    where, policy = f"s3://{ledgers.bucket}/acme", tmp_path / "policy"
    code, line = run("init", where, "--key", keys[0], "--origin", BASE)
    assert code == 0
    policy.write_text(line.split("\n", 1)[1] + "quorum none\n")
    assert run("init", where, "--key", keys[0], "--origin", BASE)[0] == 2
    writer = ledgers.writer()
    ledgers.append(writer, 0, 1)
    new = ("--key", keys[1], "--new-epoch", "--former-key", keys[0])
    code, line = run("init", where, *new)
    assert code == 0
    policy.write_text(policy.read_text().replace("quorum", line.split("\n", 1)[1] + "quorum"))
    later = ledgers.writer(OTHER)
    ledgers.append(later, 2)
    later.publish(Stop())
    code, output = run("verify", where, "--policy", policy, "--save-head", tmp_path / "head")
    assert code == 0, output
    assert "epoch-ended: 1" in output
    assert run("verify", where, "--policy", policy, "--head", tmp_path / "head")[0] == 0
    assert "3 locked, 0 unlocked" in output
    assert "not checked: whether each seal has an entry (--seals)" in output


def test_to_forget_somebody_is_asked_for_told_and_done(ledgers: Ledgers, tmp_path: Path) -> None:
    key, policy, place = tmp_path / "log.pem", tmp_path / "policy", f"s3://{ledgers.bucket}/acme"
    key.write_text(pem_of(1))
    line = run("init", place, "--key", key, "--origin", BASE)[1].split("\n", 1)[1]
    policy.write_text(f"{line}quorum none\n")
    people = people_bucket(ledgers.store, "people")
    alice = ensure_person(people, "acme", "alice", Stop())
    arguments = ("forget", place, "--people", "s3://people", "--key", key, "--reason", "GDPR-17")
    refused = CliRunner().invoke(app, ["ledger", *map(str, arguments)], input="alice\nn\n")
    assert refused.exit_code == 1
    assert left(people) == 1
    code, output = run(*arguments, "--name", "alice", "--by", "bob", "--yes")
    assert (code, alice.commitment in output) == (0, True)
    bob = ensure_person(people, "acme", "bob", Stop())
    (entry,) = erasures(ledgers)
    assert (entry.actor, entry.subject.name) == (bob.commitment, alice.commitment)
    assert left(people) == 1
    code, output = run("verify", place, "--policy", policy)
    assert (code, "erasure: 1" in output) == (0, True)
    code, output = run(*arguments, "--name", "alice", "--by", "carol", "--yes")
    assert (code, "nothing was written" in output) == (1, True)
    assert left(people) == 1, "nor was who asks for it"
    slash = (*arguments[:3], "s3://people/", *arguments[4:])
    assert run(*slash, "--name", "alice", "--yes")[0] == 1
    assert run(*arguments[:-1], "two words", "--name", "bob", "--yes")[0] == 2
    assert left(people) == 1


def test_a_seal_without_an_entry_is_found_when_that_is_asked_for(
    ledgers: Ledgers, tmp_path: Path
) -> None:
    ledgers.init()
    ledgers.writer().publish(Stop())
    key = vkey_of(f"{BASE}/1", SIGNER.public).text
    (tmp_path / "policy").write_text(f"log {key}\nquorum none\n")
    seal = ".glovebox/seals/uid-1/attestation.dsse.json"
    ledgers.store.s3.put_object(Bucket=ledgers.bucket, Key=seal, Body=b"x")
    arguments = ("verify", f"s3://{ledgers.bucket}/acme", "--policy", tmp_path / "policy")
    assert run(*arguments)[0] == 0
    code, output = run(*arguments, "--seals")
    assert (code, "ObjectWithoutEntry" in output) == (1, True)


def test_a_bucket_without_a_ledger_cannot_be_verified(ledgers: Ledgers, tmp_path: Path) -> None:
    (tmp_path / "policy").write_text("quorum none\n")
    where = f"s3://{ledgers.bucket}/acme"
    code, output = run("verify", where, "--policy", tmp_path / "policy")
    assert (code, "was it emptied or restored" in output.replace("\n", " ")) == (2, True)
    assert run("verify", "s3://bucket", "--policy", tmp_path / "policy")[0] == 2


def test_an_epoch_that_does_not_begin_where_the_one_before_ended_is_found(
    ledgers: Ledgers, tmp_path: Path
) -> None:
    ledgers.init()
    writer = ledgers.writer()
    ledgers.append(writer, 0)
    keys = [tmp_path / "one.pem", tmp_path / "two.pem"]
    for number, key in enumerate(keys, 1):
        key.write_text(pem_of(number))
    where = f"s3://{ledgers.bucket}/acme"
    run("init", where, "--key", keys[1], "--new-epoch", "--former-key", keys[0])
    vkeys = (vkey_of(f"{BASE}/1", SIGNER.public), vkey_of(f"{BASE}/2", OTHER.public))
    lines = "".join(f"log {key.text}\n" for key in vkeys)
    (tmp_path / "policy").write_text(f"{lines}quorum none\n")
    arguments = ("verify", where, "--policy", tmp_path / "policy")
    ledgers.writer(OTHER).publish(Stop())
    assert run(*arguments)[0] == 0
    # Somebody goes on in the epoch that has ended, and signs it with its old key.
    index = sum(1 for _ in ledgers.source(1).entries())
    forged = MemoryLedger()
    forged.append(event(77))
    ledgers.store.s3.put_object(
        Bucket=ledgers.bucket, Key=FIRST.entry(index), Body=forged.stored[0].body
    )
    open_ledger(ledgers.place, "acme", SIGNER, ledgers.clock, Stop(), epoch=1).publish(Stop())
    code, output = run(*arguments)
    assert code == 1
    assert "EntryAfterEnd" in output
    assert "EpochBroken" in output


def test_what_was_changed_in_an_epoch_that_has_ended_is_found(
    ledgers: Ledgers, tmp_path: Path
) -> None:
    ledgers.init()
    ledgers.append(ledgers.writer(), 0, 1)
    begin_epoch(ledgers.place, "acme", SIGNER, OTHER, ledgers.clock, Stop())
    vkeys = (vkey_of(f"{BASE}/1", SIGNER.public), vkey_of(f"{BASE}/2", OTHER.public))
    lines = "".join(f"log {key.text}\n" for key in vkeys)
    (tmp_path / "policy").write_text(f"{lines}quorum none\n")
    ledgers.writer(OTHER).publish(Stop())
    export_whole(ledgers.source(1), tmp_path / "first")
    bundle = tmp_path / "first" / "tile/entries/000.p/3"
    arguments = ("verify", tmp_path / "first", "--policy", tmp_path / "policy")
    assert run(*arguments)[0] == 0
    bundle.write_bytes(bundle.read_bytes().replace(b"Requested", b"Requestee", 1))
    code, output = run(*arguments)
    assert (code, "EntryDiffers  entries/000/000/000/000" in output) == (1, True)


def test_a_first_verification_keeps_the_head_that_the_second_continues(
    made: Path, tmp_path: Path
) -> None:
    head = tmp_path / "head.txt"
    demand = ("verify", made / "ledger", "--policy", made / "policy", "--save-head", head)

    assert run(*demand)[0] == 0
    assert run(*demand, "--head", head)[0] == 0
    assert parse_checkpoint(parse_note(head.read_bytes()).text).head.size == 600


def test_a_head_that_is_not_there_is_named_and_never_passed_over(
    made: Path, tmp_path: Path
) -> None:
    head = tmp_path / "gone.txt"
    demand = ("verify", made / "ledger", "--policy", made / "policy")
    code, output = run(*demand, "--head", head, "--save-head", head)

    assert code == 2
    assert "leave --head out" in " ".join(output.replace("│", " ").split())
    assert "gone.txt" in output.replace("│", "").replace("\n", "").replace(" ", "")
    assert "Errno" not in output
    assert not head.exists()


@pytest.mark.parametrize("missing", ["policy", "proof"])
def test_a_file_that_is_not_there_is_named_with_its_option(missing: str, tmp_path: Path) -> None:
    policy, proof = tmp_path / "policy", tmp_path / "proof"
    for file in (policy, proof):
        if file.name != missing:
            file.write_text("x")
    code, output = run("check", proof, "--policy", policy)

    assert code == 2
    assert missing in output.casefold()
    assert "does not exist" in " ".join(output.replace("│", " ").split())
    assert "Errno" not in output
