"""Requests and results as documents: the same on the other side, and bound to one another."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from glovebox.api.statistics import DistributionThresholds
from glovebox.data.compare import Difference, Findings
from glovebox.data.contract_found import ContractFound, Observed, Violation
from glovebox.data.contract_rules import rule_count
from glovebox.data.distribution import Compared
from glovebox.data.feature_schema import Difference as Unlike
from glovebox.data.feature_schema import FeaturesFound
from glovebox.data.manifest import DigestSource
from glovebox.data.overlap import Overlap, Shared
from glovebox.data.proof_budget import Cost
from glovebox.data.proof_levels import Level, ProofSlice
from glovebox.data.roots import Roots
from glovebox.data.split_result import PartFound, SplitFound
from glovebox.data.splits import Rule
from glovebox.errors import Unavailable
from glovebox.jobs.task import settings_of
from glovebox.store.connection import Credentials, Pools, Store, StoreSettings
from glovebox.store.encryption import Encryption
from glovebox.store.holding import Held
from glovebox.store.manifests import ManifestLocation, ManifestLock
from glovebox.store.pin_documents import DocumentLocation
from glovebox.store.pin_proofs import ProofPlan
from glovebox.store.pins import BuiltPin
from glovebox.store.source_access import Location, SourceAccess
from glovebox.store.sources import (
    ManifestSource,
    ObjectRef,
    ObjectsSource,
    PartSource,
    PrefixSource,
    Source,
)
from glovebox.store.waits import Waits
from glovebox.tasks import (
    contract_question,
    document,
    features_question,
    hold_question,
    overlap_question,
    proof_question,
    questions,
    split_question,
    statistics_question,
)
from glovebox.tasks.context import TaskContext
from glovebox.tasks.contract import ContractRequest
from glovebox.tasks.contract_question import ContractQuestion
from glovebox.tasks.document import (
    TaskDocument,
    document_of,
    parse_request,
    parse_result,
    render_request,
    render_result,
)
from glovebox.tasks.features import FeaturesRequest
from glovebox.tasks.features_question import FeaturesQuestion
from glovebox.tasks.hold import HoldRequest
from glovebox.tasks.hold_question import HoldQuestion
from glovebox.tasks.overlap import ComparedDataset, OverlapRequest
from glovebox.tasks.overlap_question import OverlapQuestion
from glovebox.tasks.pin import PinRequest, VerifyRequest
from glovebox.tasks.pinned_tables import Pinned
from glovebox.tasks.proof import LockBooks, ProofRequest
from glovebox.tasks.proof_question import ProofQuestion
from glovebox.tasks.questions import (
    EvidenceQuestion,
    PinQuestion,
    VerifyQuestion,
    address_of,
    stores_of,
)
from glovebox.tasks.rows import Rows
from glovebox.tasks.seal_request import Evidence, EvidenceRequest, SealedDataset
from glovebox.tasks.split import SplitRequest
from glovebox.tasks.split_question import SplitQuestion
from glovebox.tasks.statistics import (
    DistributionRecord,
    Reference,
    StatisticsFound,
    StatisticsRequest,
)
from glovebox.tasks.statistics_question import StatisticsQuestion
from support.contracts import contract_of
from support.features import feature, schema
from support.statistics import asked as described

MANIFEST = ManifestLocation("artifacts", ".glovebox/manifests/x", "v1", "sha256:" + "a" * 64, 7)
ROOTS = Roots("sha256:" + "1" * 64, "sha256:" + "2" * 64, 3, 21, 1)
FINDINGS = Findings(changed=1, hidden=2, samples=("changed a", "hidden \u65e5"))


@pytest.fixture
def pools() -> Iterator[Pools]:
    pools = Pools(control=1, jobs=1, reads=1)
    yield pools
    pools.close()


def store(pools: Pools, number: int = 1) -> Store:
    return Store(StoreSettings(f"http://192.0.2.{number}:8333"), pools)


def across(made: TaskDocument) -> TaskDocument:
    """Return a document as it arrives on the other side."""
    digest, body = render_request(made)
    assert render_request(made) == (digest, body), "equal documents have equal bytes"
    return parse_request(body, digest)


ACCESS = SourceAccess(
    "team",
    "primary",
    (Location("a", "set/"), Location("b", "")),
    "a",
    (("c", "elsewhere"),),
    "arn:aws:iam::role/runs",
    ("arn:aws:kms:here:1:key/1",),
)


@pytest.mark.parametrize(
    "source",
    [
        PrefixSource("data", "set/"),
        PrefixSource("data", ""),
        ManifestSource("data", "list.jsonl"),
        ManifestSource("data", "list.jsonl", "v9"),
        ObjectsSource((ObjectRef("data", "a", "v1"), ObjectRef("data", "b", "v2", "path/b"))),
        PartSource("split", "train"),
    ],
)
async def test_a_pin_is_hashed_as_it_was_asked_for(
    source: Source, pools: Pools, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = PinRequest(
        uid="uid",
        store=store(pools),
        source=source,
        artifacts_bucket="artifacts",
        lock=ManifestLock(retain_until=datetime(2027, 1, 1, tzinfo=UTC)),
        expected="sha256:" + "3" * 64,
        minimum=DigestSource.DECLARED,
        access=ACCESS,
    )
    asked: list[PinRequest] = []

    async def noted(context: TaskContext, request: PinRequest) -> BuiltPin:
        del context
        asked.append(request)
        return BuiltPin(ROOTS, MANIFEST, folder_markers=2)

    monkeypatch.setattr(questions, "pin_dataset", noted)
    question = PinQuestion.of(here)
    there = across(document_of(question, here, uid="uid", basis=here.basis))
    answer = await there.ask.perform(TaskContext(), there.uid, {"store-0": here.store})
    assert asked == [here]
    result = render_result("sha256:r", "job", answer)
    assert parse_result(result, request="sha256:r", job="job", answer=question.answer) == BuiltPin(
        ROOTS, MANIFEST, folder_markers=2
    )
    # By a Job of the version before, nobody counted.
    del answer["folderMarkers"]
    assert question.answer(answer) == BuiltPin(ROOTS, MANIFEST)


async def test_a_pin_is_checked_as_it_was_asked_for(
    pools: Pools, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = PrefixSource("data", "set/")
    here = VerifyRequest(
        store(pools), source, MANIFEST, objects=3, bytes=21, full=True, access=ACCESS
    )
    asked: list[VerifyRequest] = []

    async def noted(context: TaskContext, request: VerifyRequest) -> Findings:
        del context
        asked.append(request)
        return FINDINGS

    monkeypatch.setattr(questions, "verify_dataset", noted)
    question = VerifyQuestion.of(here)
    there = across(document_of(question, here, uid="uid", basis="b"))
    answer = await there.ask.perform(TaskContext(), there.uid, {"store-0": here.store})
    assert asked == [here]
    result = render_result("sha256:r", "job", answer)
    assert parse_result(result, request="sha256:r", job="job", answer=question.answer) == FINDINGS


async def test_a_pin_is_proven_as_it_was_asked_for(
    pools: Pools, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = ProofRequest(
        "uid",
        store(pools),
        PrefixSource("data", "set/"),
        MANIFEST,
        ProofPlan(
            Level.SAMPLE, "sha256:root", Cost(9, 8), "seed", sample=7, after="a/b", is_first=True
        ),
        "2026-11-27T00:00:00Z",
        done=5,
        objects=6,
        bytes=21,
        locks=LockBooks("one", "two", "artifacts", locked=True),
        access=ACCESS,
    )
    found = ProofSlice(
        4,
        3,
        2,
        "a/c",
        finished=True,
        needs=1,
        findings=Findings(
            changed=1,
            samples=("changed a/c",),
            weakened=1,
            details=(Difference("changed", "a/c", "this", "that"),),
        ),
    )
    asked: list[ProofRequest] = []

    async def noted(context: TaskContext, request: ProofRequest) -> ProofSlice:
        del context
        asked.append(request)
        return found

    monkeypatch.setattr(proof_question, "prove_dataset", noted)
    question = ProofQuestion.of(here)
    there = across(document_of(question, here, uid="uid", basis="b"))
    answer = await there.ask.perform(TaskContext(), there.uid, {"store-0": here.store})
    assert asked == [here]
    result = render_result("sha256:r", "job", answer)
    read = parse_result(result, request="sha256:r", job="job", answer=question.answer)
    assert read == found
    assert read.findings.details == found.findings.details


async def test_versions_are_held_as_was_asked_for(
    pools: Pools, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = (Location("data", "x/"), Location("data", "y/"))
    leave = SourceAccess("team", "primary", places, "artifacts", (("b", "s"),), "arn:role")
    here = HoldRequest(store(pools), MANIFEST, "c.uid", "DatasetPin a/b", places, leave, 7)
    found = Held(3, 7, 2, "2026-11-28T12:00:00Z")
    asked: list[HoldRequest] = []

    async def held(context: TaskContext, request: HoldRequest) -> Held:
        del context
        asked.append(request)
        return found

    monkeypatch.setattr(hold_question, "hold_dataset", held)
    question = HoldQuestion.of(here)
    there = across(document_of(question, here, uid="uid", basis="b"))
    answer = await there.ask.perform(TaskContext(), there.uid, {"store-0": here.store})
    assert asked == [here]
    result = render_result("sha256:r", "job", answer)
    assert parse_result(result, request="sha256:r", job="job", answer=question.answer) == found


def keyed(*key: str) -> Rows:
    locations = (Location("data", "x/"), Location("data", "y/"))
    access = SourceAccess("team", "primary", locations, "artifacts", (("b", "s"),), "arn:role")
    return Rows(key, PrefixSource("data", "x/"), access)


async def test_inputs_are_compared_as_was_asked_for(
    pools: Pools, monkeypatch: pytest.MonkeyPatch
) -> None:
    artifacts, other = store(pools), store(pools, 2)
    here = OverlapRequest(
        artifacts,
        (
            ComparedDataset(
                "train",
                "train",
                other,
                MANIFEST,
                "tail",
                ("N1", "N2"),
                keyed("a", "b"),
                keyed("t"),
            ),
            ComparedDataset(
                "test", "test", artifacts, MANIFEST, rows=keyed("a", "b"), texts=keyed("t")
            ),
            # There is no other one of its key.
            ComparedDataset("fit", "validation", artifacts, MANIFEST, rows=keyed("c")),
        ),
        objects=7,
    )
    found = Overlap(
        (
            Shared("train", "test", "Objects", 1, 2, (("a", "\u65e5"),)),
            Shared("train", "test", "Rows", 3, 4, (("row 1 of a", "row 2 of \u65e5"),)),
            Shared("train", "test", "Texts", 1, 1, (("row 1 of a", "row 2 of \u65e5"),)),
        ),
        {"train": 3, "test": 1, "fit": 0},
        {"train": 2},
        {"test": (1, "b")},
        {"train": 9, "test": 8},
        {"test": 1},
        {},
        {"train": 9, "test": 8},
        {"train": 2},
        {},
        3,
    )
    asked: list[OverlapRequest] = []

    async def noted(context: TaskContext, request: OverlapRequest) -> Overlap:
        del context
        asked.append(request)
        return found

    monkeypatch.setattr(overlap_question, "compare_datasets", noted)
    question = OverlapQuestion.of(here)
    there = across(document_of(question, here, uid="uid", basis=here.basis))
    stores = {each.name: (artifacts, other)[place] for place, each in enumerate(there.stores)}
    answer = await there.ask.perform(TaskContext(), there.uid, stores)
    assert asked == [here]
    result = render_result("sha256:r", "job", answer)
    assert parse_result(result, request="sha256:r", job="job", answer=question.answer) == found


RULES = (
    Rule("Rows", "Key", ("a", "b"), ("Integer", None), "\u65e5", (1, 9999)),
    Rule("Rows", "Time", ("at",), (None,), boundaries=(str((1 << 62) + 1),), embargo_seconds=9),
    Rule("Objects", "Assignment", path="list.csv", part_column="part"),
)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule.by))
@pytest.mark.parametrize("source", [PrefixSource("data", "x/"), PartSource("outer", "train")])
@pytest.mark.parametrize("lock", [None, ManifestLock()])
async def test_a_dataset_is_divided_as_was_asked_for(
    rule: Rule,
    source: Source,
    lock: ManifestLock | None,
    pools: Pools,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    access = keyed("a").access.reading(source)
    here = SplitRequest(
        store(pools),
        source,
        MANIFEST,
        access,
        "artifacts",
        lock,
        rule,
        ("test", "train"),
        "sha256:" + "5" * 64,
        "team",
        7,
    )
    part = PartFound("test", "c", "p", 1, 2, 1, "b", "k", "v", "d", 9, 3, 2, "kd", str(1 << 62), "")
    found = SplitFound((part, replace(part, name="train", rows=None)), 4)
    asked: list[SplitRequest] = []

    async def noted(context: TaskContext, request: SplitRequest) -> SplitFound:
        del context
        asked.append(request)
        return found

    monkeypatch.setattr(split_question, "split_dataset", noted)
    question = SplitQuestion.of(here)
    there = across(document_of(question, here, uid="uid", basis=here.basis))
    stores = {there.stores[0].name: here.store}
    answer = await there.ask.perform(TaskContext(), there.uid, stores)
    assert asked == [here]
    result = render_result("sha256:r", "job", answer)
    assert parse_result(result, request="sha256:r", job="job", answer=question.answer) == found
    other = render_result("sha256:r", "job", {"split": {"parts": [], "left_out": 0}})
    with pytest.raises(Unavailable, match="not about the parts"):
        parse_result(other, request="sha256:r", job="job", answer=question.answer)


async def test_a_contract_is_checked_as_was_asked_for(
    pools: Pools, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract = contract_of(
        {"name": "flight", "type": "Text"},
        {"name": "at", "type": "Timestamp", "shown": True},
        references=[{"columns": ["flight"], "pinRef": {"name": "planes"}}],
        freshness={"column": "at", "maxAgeSeconds": 5, "atTime": "2013-10-01T04:00:00Z"},
    )
    first, second = store(pools), store(pools, 2)
    access = keyed("a").access
    dataset = Pinned("all", first, PrefixSource("data", "x/"), MANIFEST, access)
    planes = Pinned("planes", second, PartSource("outer", "train"), MANIFEST, access)
    here = ContractRequest(dataset, contract, (planes,), 7, 70)
    found = ContractFound(
        rule_count(contract),
        2,
        1,
        9,
        100,
        1,
        {"Type": 1},
        (Violation("Type", "a.csv", "at", 3, "row 1 is no Timestamp"),),
        (Observed("flight", "Text", None), Observed("at", "Timestamp", 2)),
    )
    asked: list[ContractRequest] = []

    async def noted(context: TaskContext, request: ContractRequest) -> ContractFound:
        del context
        asked.append(request)
        return found

    monkeypatch.setattr(contract_question, "check_contract", noted)
    question = ContractQuestion.of(here)
    there = across(document_of(question, here, uid="uid", basis=here.basis))
    stores = {each.name: held for each, held in zip(there.stores, here.stores, strict=True)}
    answer = await there.ask.perform(TaskContext(), there.uid, stores)
    assert asked == [here]
    assert asked[0].basis == here.basis
    result = render_result("sha256:r", "job", answer)
    assert parse_result(result, request="sha256:r", job="job", answer=question.answer) == found
    of_another = replace(found, columns=found.columns[:1])
    asked.clear()
    found = of_another
    answer = await there.ask.perform(TaskContext(), there.uid, stores)
    other = render_result("sha256:r", "job", answer)
    with pytest.raises(Unavailable, match="not about the contract"):
        parse_result(other, request="sha256:r", job="job", answer=question.answer)


async def test_features_are_compared_as_was_asked_for(
    pools: Pools, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_of = schema(
        feature("v", "float32", 3),
        keys=["flight"],
        knownTime="known",
        asOf={"knownTime": "2013-10-01T04:00:00Z"},
    )
    access = keyed("a").access
    dataset = Pinned("values", store(pools), PrefixSource("data", "x/"), MANIFEST, access)
    here = FeaturesRequest(dataset, asked_of, 7, 70)
    found = FeaturesFound(
        2,
        1,
        9,
        100,
        1,
        {"Shape": 1},
        (Unlike("Shape", "v", "float32[3]", "float32[4]", "a.parquet", 9),),
    )
    asked: list[FeaturesRequest] = []

    async def noted(context: TaskContext, request: FeaturesRequest) -> FeaturesFound:
        del context
        asked.append(request)
        return found

    monkeypatch.setattr(features_question, "check_features", noted)
    question = FeaturesQuestion.of(here)
    there = across(document_of(question, here, uid="uid", basis=here.basis))
    stores = {each.name: held for each, held in zip(there.stores, [here.store], strict=True)}
    answer = await there.ask.perform(TaskContext(), there.uid, stores)
    assert asked == [here]
    assert asked[0].basis == here.basis
    result = render_result("sha256:r", "job", answer)
    assert parse_result(result, request="sha256:r", job="job", answer=question.answer) == found


async def test_a_dataset_is_described_as_was_asked_for(
    pools: Pools, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = store(pools), store(pools, 2)
    dataset = Pinned("all", first, PrefixSource("data", "x/"), MANIFEST, keyed("a").access)
    at = DocumentLocation("artifacts", "k", "v", "sha256:" + "1" * 64, 9)
    thresholds = DistributionThresholds(psi=5, ks=6, total_variation=7, null_share=8)
    wanted = described(30, day="Date", tail="Text")
    here = StatisticsRequest(dataset, wanted, True, Reference(second, at, thresholds), 7, 70)  # noqa: FBT003
    worst = (Compared("day", "moved", "PSI", 1, 2, 3, 4, 5, 6),)
    record = DistributionRecord("moved", 1, 1, 0, 1, worst, at)
    found = StatisticsFound(9, 1, 100, 2, 2, at, record)
    asked: list[StatisticsRequest] = []

    async def noted(context: TaskContext, request: StatisticsRequest) -> StatisticsFound:
        del context
        asked.append(request)
        return found

    monkeypatch.setattr(statistics_question, "compute_statistics", noted)
    question = StatisticsQuestion.of(here)
    there = across(document_of(question, here, uid="uid", basis=here.basis))
    stores = {each.name: held for each, held in zip(there.stores, here.stores, strict=True)}
    answer = await there.ask.perform(TaskContext(), there.uid, stores)
    assert asked == [here]
    assert asked[0].basis == here.basis
    result = render_result("sha256:r", "job", answer)
    assert parse_result(result, request="sha256:r", job="job", answer=question.answer) == found
    for other in (replace(found, columns=1), replace(found, compared=None)):
        found = other
        answer = await there.ask.perform(TaskContext(), there.uid, stores)
        unlike = render_result("sha256:r", "job", answer)
        with pytest.raises(Unavailable, match="not about what was asked"):
            parse_result(unlike, request="sha256:r", job="job", answer=question.answer)


# All that is asked for but the texts.
SPOKEN_OF = {
    "objects": {"train": 3, "test": 1},
    "groups": {"train": 2},
    "rows": {"train": 3, "test": 1},
}


@pytest.mark.parametrize(
    "said",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"objects": {"train": 3}, "groups": {"train": 2}}, id="an input is missing"),
        pytest.param(
            {"objects": {"train": 3, "test": 1, "more": 1}, "groups": {"train": 2}},
            id="an input that nobody asked about",
        ),
        pytest.param({"objects": {"train": 3, "test": 1}}, id="the groups are missing"),
        pytest.param(
            {"objects": {"train": 3, "test": 1}, "groups": {"train": 2}}, id="the rows are missing"
        ),
        pytest.param(
            {"objects": {"train": 3, "test": 1}, "groups": {"train": 2}, "rows": {"train": 3}},
            id="the rows of one are missing",
        ),
        pytest.param(
            {
                "objects": {"train": 3, "test": 1},
                "groups": {"train": 2},
                "unreadable": {"more": ("a.csv", "it has no column")},
            },
            id="an input that has no rows",
        ),
        pytest.param({**SPOKEN_OF, "texts": {}}, id="the texts are missing"),
        pytest.param({**SPOKEN_OF, "texts": {"train": 3}}, id="the texts of one are missing"),
        pytest.param(
            {**SPOKEN_OF, "textless": {"more": ("a.csv", "it has no column")}},
            id="an input that has no texts",
        ),
    ],
)
def test_what_does_not_speak_of_every_input_is_no_answer(pools: Pools, said: object) -> None:
    here = OverlapRequest(
        store(pools),
        (
            ComparedDataset(
                "train", "train", store(pools), MANIFEST, "tail", rows=keyed("a"), texts=keyed("t")
            ),
            ComparedDataset(
                "test", "test", store(pools), MANIFEST, rows=keyed("a"), texts=keyed("t")
            ),
        ),
    )
    result = render_result("sha256:r", "job", {"overlap": said})
    answer = OverlapQuestion.of(here).answer
    with pytest.raises(Unavailable, match="not about the"):
        parse_result(result, request="sha256:r", job="job", answer=answer)


async def test_the_evidence_is_gathered_as_it_was_asked_for(
    pools: Pools, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_artifacts, of_inputs = store(pools, 1), store(pools, 2)
    here = EvidenceRequest(
        uid="uid",
        store=of_artifacts,
        bucket="artifacts",
        prefix="team/x/uid/",
        folder=".glovebox/seals/uid/",
        snapshot='{"a":"\u65e5"}'.encode(),
        inputs=(
            SealedDataset(
                "train", of_inputs, PrefixSource("data", "set/"), MANIFEST, shows_newest=True
            ),
            SealedDataset("near", of_artifacts, ManifestSource("artifacts", "k", "v"), MANIFEST),
            SealedDataset("gone", lost="its pin is gone"),
        ),
        locked=False,
        patient_until=datetime(2026, 11, 26, 5, 0, 0, 123456, tzinfo=UTC),
        waits=Waits(datetime(2026, 11, 27, tzinfo=UTC), datetime(2026, 12, 3, tzinfo=UTC)),
    )
    assert stores_of(here) == (of_artifacts, of_inputs)
    asked: list[EvidenceRequest] = []
    evidence = Evidence("sha256:" + "4" * 64, ("input `gone`: its pin is gone",))

    async def noted(context: TaskContext, request: EvidenceRequest) -> Evidence:
        del context
        asked.append(request)
        return evidence

    monkeypatch.setattr(questions, "gather_evidence", noted)
    question = EvidenceQuestion.of(here)
    there = across(document_of(question, here, uid="uid", basis=here.basis))
    opened = dict(zip([each.name for each in there.stores], stores_of(here), strict=True))
    answer = await there.ask.perform(TaskContext(), there.uid, opened)
    assert asked == [here]
    result = render_result("sha256:r", "job", answer)
    assert parse_result(result, request="sha256:r", job="job", answer=question.answer) == evidence


def request(pools: Pools) -> tuple[str, bytes]:
    source = PrefixSource("data", "set/")
    made = VerifyRequest(store(pools), source, MANIFEST)
    return render_request(document_of(VerifyQuestion.of(made), made, uid="u", basis="b"))


def test_a_request_holds_no_secret(pools: Pools) -> None:
    _, body = request(pools)
    text = gzip.decompress(body).decode()
    for word in ("accessKey", "secret", "credential", "token"):
        assert word not in text


def test_bytes_that_are_not_the_request_are_refused(pools: Pools) -> None:
    digest, body = request(pools)
    with pytest.raises(Unavailable, match="has the digest"):
        parse_request(body + b"x", digest)
    newer = gzip.compress(b'{"format":"glovebox.dev/task/v2"}', mtime=0)
    for other in (b"", b"{}", newer, body[:-9]):
        with pytest.raises(Unavailable, match="the request is not valid") as caught:
            parse_request(other, document.digest_of_bytes(other))
        assert caught.value.reason == "TaskFailed"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"request": "sha256:other"}, "answers the request sha256:other"),
        ({"job": "another"}, "of Job another"),
        ({"answer": {}}, "the result is not valid"),
        ({"answer": {"findings": {"changed": "many"}}}, "the result is not valid"),
    ],
)
def test_a_result_of_another_request_or_job_is_not_taken(
    changes: dict[str, Any], said: str, pools: Pools
) -> None:
    made = VerifyRequest(store(pools), PrefixSource("data", "set/"), MANIFEST)
    fields: dict[str, Any] = {"request": "sha256:r", "job": "job", "answer": {"findings": {}}}
    body = render_result(**fields | changes)
    with pytest.raises(Unavailable, match=said):
        parse_result(body, request="sha256:r", job="job", answer=VerifyQuestion.of(made).answer)


def test_what_is_no_result_at_all_is_not_taken(pools: Pools) -> None:
    made = VerifyRequest(store(pools), PrefixSource("data", "set/"), MANIFEST)
    with pytest.raises(Unavailable, match="the result is not valid"):
        parse_result(b"", request="r", job="j", answer=VerifyQuestion.of(made).answer)


@pytest.mark.parametrize("encryption", [None, Encryption(), Encryption("team-key")])
@pytest.mark.parametrize("proxy", [None, "", "http://192.0.2.7:3128"])
def test_a_job_opens_a_store_as_the_operator_does(
    pools: Pools, encryption: Encryption | None, proxy: str | None
) -> None:
    keys = Credentials("k", "s")
    settings = StoreSettings(
        "https://192.0.2.1:8333", "here", credentials=keys, encryption=encryption, proxy=proxy
    )
    assert settings_of(address_of(Store(settings, pools), 0), keys) == settings
