"""The program of a task as a process, on a real store: the same work, and the same bytes."""

from __future__ import annotations

import base64
import json
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cluster.store.test_pin_task import Outage, fill, request
from cluster.store.test_seals import FOLDER, MOMENT, TRUST, put
from cluster.store.test_seals import request as seal_request
from glovebox.data.compare import Findings
from glovebox.data.proof_budget import Cost
from glovebox.data.proof_levels import Level
from glovebox.data.task_ends import parse_error
from glovebox.desired.task_job import TASK_COMMAND
from glovebox.errors import InvalidInput
from glovebox.store.connection import Stop
from glovebox.store.listing import list_versions
from glovebox.store.pin_proofs import ProofPlan
from glovebox.store.pins import ManifestLock, PrefixSource, build_pin
from glovebox.tasks.area import Beat, TaskAddress, TaskArea
from glovebox.tasks.context import Progress, TaskContext
from glovebox.tasks.document import document_of, parse_result, render_request
from glovebox.tasks.pin import HASH, VERIFY, VerifyRequest, pin_dataset, verify_dataset
from glovebox.tasks.proof import LockBooks, ProofRequest, prove_dataset
from glovebox.tasks.proof_question import ProofQuestion
from glovebox.tasks.questions import (
    Asked,
    EvidenceQuestion,
    PinQuestion,
    Request,
    VerifyQuestion,
    address_of,
    stores_of,
)
from glovebox.tasks.seal import SEAL, seal_experiment
from glovebox.tasks.seal_request import Evidence, SealedDataset
from glovebox.tasks.short_lived import PREFIX as TASKS
from support.lying_store import Answered, Liar, lying
from support.lying_store import Asked as Sent
from support.own_store import ADMIN
from support.task_pods import Ended, mount, outcome, running
from support.trust import documents

if TYPE_CHECKING:
    from glovebox.store.connection import Store, Stores, StoreSettings

JOB = "5a0e"
KEYS = {
    "accessKeyId": ADMIN.access_key_id.encode(),
    "secretAccessKey": ADMIN.secret_access_key.encode(),
}


class Program:
    """A task that is ready to be done by the program."""

    def __init__(
        self, folder: Path, question: Asked, wanted: Request, bucket: str, *, locked: bool = True
    ) -> None:
        stores = stores_of(wanted)
        self.digest, self.body = render_request(
            document_of(question, wanted, uid="uid", basis="basis")
        )
        self.area = TaskArea(stores[0], bucket, "uid", question.task, locked=locked)
        self.area.put_request(self.digest, self.body)
        self.address = TaskAddress(
            uid="uid",
            task=question.task,
            store=address_of(stores[0], 0),
            bucket=bucket,
            locked=locked,
            request=self.digest,
        )
        self.keys = folder / "keys"
        for place in range(len(stores)):
            mount(self.keys / f"store-{place}", KEYS)

    def start(self, **settings: str) -> Any:
        environment = {"GLOVEBOX_TASK": self.address.render(), "GLOVEBOX_JOB_UID": JOB}
        return running(list(TASK_COMMAND), environment, self.keys, **settings)

    def run(self, **settings: str) -> Ended:
        with self.start(**settings) as process:
            output, _ = process.communicate(timeout=120)
        return outcome(process, output, self.keys)

    def result(self, answer: Callable[[Any], Any]) -> Any:
        body = self.area.result(JOB)
        assert body is not None
        return parse_result(body, request=self.digest, job=JOB, answer=answer)


async def test_a_pin_of_the_program_is_the_pin_of_the_process(
    tmp_path: Path, store: Store, data_bucket: str, locked_bucket: str
) -> None:
    fill(store, data_bucket, 12)
    wanted = request(store, data_bucket, locked_bucket)
    question = PinQuestion.of(wanted)
    program = Program(tmp_path, question, wanted, locked_bucket)
    ended = program.run()
    assert ended.code == 0, ended.output
    # One manifest: the process writes the same bytes under the same name, and finds them there.
    assert program.result(question.answer) == await pin_dataset(TaskContext(), wanted)


async def test_how_far_a_job_is_arrives_whole(store: Store, locked_bucket: str) -> None:
    area = TaskArea(store, locked_bucket, "uid", SEAL, locked=True)
    progress = Progress(
        objects_done=1,
        objects_total=2,
        bytes_done=3,
        bytes_total=4,
        bytes_read=5,
        checkpoint="there",
        phase="Sealing",
    )
    area.put_beat(JOB, Beat(1, progress))
    assert area.beat(JOB) == Beat(1, progress)


async def test_a_check_of_the_program_finds_what_the_process_finds(
    tmp_path: Path, store: Store, data_bucket: str, locked_bucket: str
) -> None:
    fill(store, data_bucket, 6)
    source = PrefixSource(data_bucket, "set/")
    built = await build_pin(store, source, artifacts_bucket=locked_bucket, lock=ManifestLock())
    store.s3.delete_object(Bucket=data_bucket, Key="set/003")
    store.s3.put_object(Bucket=data_bucket, Key="set/\u65e5", Body=b"more")
    wanted = VerifyRequest(store, source, built.manifest, objects=6, bytes=6, full=True)
    question = VerifyQuestion.of(wanted)
    program = Program(tmp_path, question, wanted, locked_bucket)
    ended = program.run()
    assert ended.code == 0, ended.output
    findings = program.result(question.answer)
    assert (findings.hidden, findings.extra) == (1, 1)
    assert findings == await verify_dataset(TaskContext(), wanted)


async def test_a_proof_of_the_program_finds_what_the_process_finds(
    tmp_path: Path, store: Store, data_bucket: str, locked_bucket: str
) -> None:
    fill(store, data_bucket, 6)
    source = PrefixSource(data_bucket, "set/")
    built = await build_pin(store, source, artifacts_bucket=locked_bucket, lock=ManifestLock())
    store.s3.delete_object(
        Bucket=data_bucket, Key="set/003", VersionId=_version(store, data_bucket, "set/003")
    )
    for level in (Level.HEAD, Level.FULL):
        wanted = ProofRequest(
            "uid",
            store,
            source,
            built.manifest,
            ProofPlan(level, built.roots.pin, Cost(1000, 1000)),
            "2026-11-27T00:00:00Z",
            locks=LockBooks("", "now", locked_bucket, locked=True),
        )
        question = ProofQuestion.of(wanted)
        program = Program(tmp_path / level.value, question, wanted, locked_bucket)
        ended = program.run()
        assert ended.code == 0, ended.output
        part = program.result(question.answer)
        assert part.findings == Findings(missing=1, samples=("missing 003",))
        assert part.finished
        assert part == await prove_dataset(TaskContext(), wanted)


async def test_a_seal_over_the_program_s_evidence_is_the_seal_of_the_process(
    tmp_path: Path, store: Store, data_bucket: str, locked_bucket: str
) -> None:
    fill(store, data_bucket, 3)
    source = PrefixSource(data_bucket, "set/")
    built = await build_pin(store, source, artifacts_bucket=locked_bucket, lock=ManifestLock())
    store.s3.delete_object(
        Bucket=data_bucket, Key="set/001", VersionId=_version(store, data_bucket, "set/001")
    )
    for number in range(20):
        put(store, locked_bucket, f"model-{number:02}.bin", b"weights" * number)
    put(store, locked_bucket, "model-03.bin", b"overwritten")
    inputs = (
        SealedDataset("train", store, source, built.manifest),
        SealedDataset("gone", lost="its store was not bound"),
    )

    async def sealed(
        folder: str, gather: Callable[[TaskContext], Awaitable[Evidence]] | None
    ) -> dict[str, bytes]:
        wanted = seal_request(store, locked_bucket, inputs=inputs, folder=folder)
        await seal_experiment(TaskContext(), wanted, gather=gather, now=lambda: MOMENT)
        return documents(store, locked_bucket, folder, TRUST)

    other = f"{FOLDER}by-the-program/"
    evidence = seal_request(store, locked_bucket, inputs=inputs, folder=other).evidence
    question = EvidenceQuestion.of(evidence)
    program = Program(tmp_path, question, evidence, locked_bucket)

    async def by_the_program(context: TaskContext) -> Evidence:
        del context
        ended = program.run()
        assert ended.code == 0, ended.output
        found: Evidence = program.result(question.answer)
        return found

    there, here = await sealed(other, by_the_program), await sealed(FOLDER, None)
    assert there == here, "statement, signature, list and snapshot, byte for byte"
    statement = json.loads(base64.b64decode(json.loads(here["attestation.dsse.json"])["payload"]))
    said = [
        each["annotations"]["message"]
        for each in statement["predicate"]["runDetails"]["byproducts"]
        if each["name"] == "finding"
    ]
    assert said == [
        "input `train`: 1 missing (missing 001)",
        "input `gone`: could not be verified again: its store was not bound",
    ]
    assert len(statement["subject"]) == 21


@pytest.mark.slow
def test_a_program_that_is_asked_to_stop_is_followed_by_one_that_goes_on(
    tmp_path: Path,
    stores: Stores,
    settings: StoreSettings,
    store: Store,
    data_bucket: str,
    locked_bucket: str,
) -> None:
    fill(store, data_bucket, 30)
    slow = Slow("/020")
    with lying(settings.endpoint, ADMIN, slow) as endpoint:
        through = stores.open(type(settings)(endpoint, credentials=ADMIN))
        wanted = request(through, data_bucket, locked_bucket)
        question = PinQuestion.of(wanted)
        program = Program(tmp_path, question, wanted, locked_bucket)
        with program.start(GLOVEBOX_CHECKPOINT_SECONDS="0") as process:
            deadline = time.monotonic() + 60
            while len(_checkpoints(store, locked_bucket)) < 15:
                assert time.monotonic() < deadline, process.poll()
                time.sleep(0.1)
            process.send_signal(signal.SIGTERM)
            time.sleep(0.5)
            slow.at = "never"
            output, _ = process.communicate(timeout=60)
        assert outcome(process, output, program.keys).code == 143
        assert program.area.result(JOB) is None
        slow.read.clear()
        assert program.run().code == 0
    assert len(slow.read) <= 15, "what was hashed before is not read again"
    assert program.result(question.answer).roots.objects == 30


class Slow(Outage):
    """A store that keeps whoever reads one object waiting."""

    def __call__(self, asked: Sent, liar: Liar) -> Answered | None:
        if asked.path.endswith(self.at) and "versionId" in asked.query:
            while self.at != "never":
                time.sleep(0.05)
        return super().__call__(asked, liar)


def test_data_that_cannot_be_pinned_are_refused_in_the_words_of_the_process(
    tmp_path: Path, store: Store, data_bucket: str, locked_bucket: str
) -> None:
    wanted = request(store, data_bucket, locked_bucket)
    ended = Program(tmp_path, PinQuestion.of(wanted), wanted, locked_bucket).run()
    error = parse_error(ended.message)
    assert (ended.code, type(error)) == (42, InvalidInput)
    assert error is not None
    assert error.reason == "SourceEmpty"
    assert f"s3://{data_bucket}/set/ has no object" in error.message


@pytest.mark.slow
def test_a_request_that_is_not_there_or_keys_that_are_none_are_tried_again(
    tmp_path: Path, store: Store, data_bucket: str, locked_bucket: str
) -> None:
    fill(store, data_bucket, 1)
    wanted = request(store, data_bucket, locked_bucket)
    program = Program(tmp_path, PinQuestion.of(wanted), wanted, locked_bucket)
    program.address = program.address.model_copy(update={"request": "sha256:" + "0" * 64})
    ended = program.run()
    error = parse_error(ended.message)
    assert error is not None
    assert (ended.code, error.reason) == (75, "TaskFailed")
    (program.keys / "store-0" / "secretAccessKey").unlink()
    ended = program.run()
    error = parse_error(ended.message)
    assert error is not None
    assert (ended.code, error.reason) == (75, "StoreCredentialsNotFound")
    program.address = program.address.model_copy(update={"bucket": "x"})
    with running(list(TASK_COMMAND), {"GLOVEBOX_TASK": "{}"}, program.keys) as process:
        output, _ = process.communicate(timeout=60)
    assert outcome(process, output, program.keys).code == 75


def test_what_a_task_leaves_is_cleared_and_nothing_of_others(
    store: Store, data_bucket: str
) -> None:
    one, two = (f"sha256:{digit * 64}" for digit in "12")

    def left(task: str) -> list[str]:
        rows = list_versions(store.wire, data_bucket, f"{TASKS}uid/{task}/", Stop())
        return sorted(row.key.removeprefix(f"{TASKS}uid/{task}/") for row in rows)

    areas = {
        task: TaskArea(store, data_bucket, "uid", task, locked=False)
        for task in (HASH, VERIFY, SEAL)
    }
    for area in areas.values():
        for job in ("j1", "j2"):
            area.put_result(job, b"x")
        for digest in (one, two):
            area.put_request(digest, b"y")
    # At the beginning of an attempt, and at the end of it.
    areas[HASH].clear_others(one, "j2")
    assert left(HASH) == ["jobs/j2/result", f"requests/{'1' * 64}"]
    areas[VERIFY].discard(one, "j2")
    assert left(VERIFY) == ["jobs/j1/result", f"requests/{'2' * 64}"]
    areas[VERIFY].discard(two, None)
    assert left(VERIFY) == ["jobs/j1/result"]
    assert len(left(SEAL)) == 4


def _version(store: Store, bucket: str, key: str) -> str:
    return next(
        row.version_id for row in list_versions(store.wire, bucket, key, Stop()) if row.key == key
    )


def _checkpoints(store: Store, bucket: str) -> list[str]:
    rows = list_versions(store.wire, bucket, TASKS, Stop())
    return [row.key for row in rows if "/requests/" not in row.key and "/jobs/" not in row.key]
