"""What lies beside a seal: logs, last listing, conclusion, and each way in which they are wrong."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from glovebox.api.attempt_status import KeptLog, RunContainer, RunNode, RunPod, TenantPods
from glovebox.api.experiment_status import RunStatus
from glovebox.data.digest import canonical_json
from glovebox.evidence.after_seal import (
    Conclusion,
    Supplement,
    conclusion,
    envelope_digest,
    supplement,
)
from glovebox.evidence.artifacts import encode_artifacts, list_digest
from glovebox.evidence.envelope import sign
from glovebox.evidence.keys import TrustBundle
from glovebox.evidence.run_facts import findings_of, unknowns_of
from glovebox.evidence.signer import LocalSigner, new_key_pair
from glovebox.evidence.told import lines_of
from glovebox.evidence.verification import Report, check_versions
from glovebox.evidence.verify_after import (
    check_conclusion,
    check_logs,
    check_supplement,
    log_name,
)
from unit.evidence.test_verification import (
    ARTIFACTS,
    PAIR,
    PREFIX,
    TRUST,
    artifact,
    sealed,
    verified,
)

DECLARED = "registry.example/trainer@sha256:" + "d" * 64
OTHER = "registry.example/trainer@sha256:" + "e" * 64
LOG = b"epoch 1\n"
LOG_DIGEST = "sha256:" + hashlib.sha256(LOG).hexdigest()
ENDS = "2026-11-25T06:00:00Z"
DURING = datetime(2026, 11, 25, 5, 30, tzinfo=UTC)
LATER = datetime(2026, 11, 26, tzinfo=UTC)
LATE = artifact("late.bin", "v9", sha256="9" * 64)


def container(**changes: Any) -> RunContainer:
    # Cut, and known to be: of any other nobody knows whether it is.
    log = KeptLog(
        key=f"k/{log_name(LOG_DIGEST)}",
        digest=LOG_DIGEST,
        bytes=len(LOG),
        final=True,
        truncated=True,
    )
    fields = {"name": "run", "image": DECLARED, "image_id": DECLARED, "exit_code": 0, "log": log}
    return RunContainer.model_validate(fields | changes)


def run(*containers: RunContainer, **changes: Any) -> RunStatus:
    pod = RunPod(
        name="run-1",
        uid="p1",
        node="n1",
        phase="Succeeded",
        containers=containers or (container(),),
    )
    nodes = (RunNode(name="n1", kernel_version="6.12"),)
    return RunStatus(**{"attempts": 1, "pods": (pod,), "nodes": nodes} | changes)


def pods_of(*stages: str) -> dict[str, Any]:
    """Return the pods of a run of several stages, each of the stage that is named."""
    (one,) = run().pods
    pods = tuple(
        one.model_copy(update={"name": f"{stage}-{index}", "uid": f"p{index}", "stage": stage})
        for index, stage in enumerate(stages)
    )
    return {"pods": pods, "attempts": len(pods)}


def report_of(**changes: Any) -> tuple[Report, bytes]:
    said: dict[str, Any] = {"run": run(), "sessions_end": ENDS}
    envelope, raw, snapshot = sealed(ARTIFACTS, **said | changes)
    return verified(envelope, raw, snapshot), envelope


def signed(document: dict[str, Any], private: str = PAIR.private) -> bytes:
    return sign(canonical_json(document), LocalSigner.of(private))


def last(of: bytes, *later: Any, **changes: Any) -> tuple[bytes, bytes]:
    """Return the supplement of a seal, and its list."""
    raw = encode_artifacts(PREFIX, [*ARTIFACTS, *later])
    said = Supplement(
        experiment="team/exp",
        uid="u1",
        seal=envelope_digest(of),
        list_digest=list_digest(raw),
        listed="2026-11-25T06:00:01Z",
        sessions_end=ENDS,
        added=len(later),
        missing=0,
    )
    return signed(supplement(replace(said, **changes))), raw


def concluded(of: bytes, **changes: Any) -> Conclusion:
    said = Conclusion(
        experiment="team/exp",
        uid="u1",
        seal=envelope_digest(of),
        verdict="Confirmed",
        text="it beats the baseline",
        by="erin",
        signed="2026-11-26T00:00:00Z",
    )
    return replace(said, **changes)


def whats(report: Report) -> list[str]:
    return [finding.what for finding in report.findings]


def test_all_that_is_right_is_told_and_no_finding() -> None:
    report, seal = report_of(purpose={"description": "find out"})
    envelope, raw = last(seal)
    check_logs(report, {log_name(LOG_DIGEST): LOG})
    check_supplement(report, seal, envelope, raw, TRUST, LATER)
    check_conclusion(report, seal, signed(conclusion(concluded(seal))), TRUST)
    assert (report.findings, report.remarks) == ([], [])
    assert lines_of(report) == [
        "purpose, as it was before the run: find out",
        "outcome of the run: Succeeded",
        f"attempt run-1 on n1 (6.12): Succeeded; run: exit code 0, image sha256:{'d' * 64}",
        "logs: 1 kept, as they were signed",
        "other pods in the namespace: none were seen",
        "listed once more on 2026-11-25T06:00:01Z, with no session left: nothing came",
        "concluded by erin on 2026-11-26T00:00:00Z: Confirmed: it beats the baseline",
    ]


def test_of_several_stages_each_attempt_is_told_with_its_own() -> None:
    report, _ = report_of(run=run(**pods_of("fit", "score")))
    told = [line for line in lines_of(report) if line.startswith("attempt")]
    assert [line.partition(" on ")[0] for line in told] == [
        "attempt fit-0 of stage fit",
        "attempt score-1 of stage score",
    ]


def test_a_log_that_differs_and_one_that_is_gone_are_found() -> None:
    report, _ = report_of()
    check_logs(report, {log_name(LOG_DIGEST): b"epoch 2\n"})
    check_logs(report, {})
    assert whats(report) == ["LogDiffers", "LogMissing"]
    assert report.logs == 0


def test_a_last_listing_is_missed_only_when_it_is_due() -> None:
    report, seal = report_of()
    check_supplement(report, seal, None, None, TRUST, DURING)
    assert report.findings == []
    assert "sessions may write until" in report.remarks[0]
    check_supplement(report, seal, None, None, TRUST, LATER)
    assert whats(report) == ["SupplementMissing"]


def test_what_came_between_is_told_and_no_finding() -> None:
    report, seal = report_of()
    envelope, raw = last(seal, LATE)
    check_supplement(report, seal, envelope, raw, TRUST, LATER)
    assert report.findings == []
    assert report.later == [LATE]
    assert "1 version came after the seal, in its signed supplement" in report.remarks[0]


TAMPERED: dict[str, tuple[Any, str]] = {
    "listed before the last session had ended": (
        lambda seal: last(seal, listed="2026-11-25T05:59:00Z"),
        "SupplementDiffers",
    ),
    "counts that are not those of its list": (
        lambda seal: last(seal, LATE, added=0),
        "SupplementDiffers",
    ),
    "a list that was edited": (
        lambda seal: (last(seal)[0], last(seal, LATE)[1]),
        "ListDiffers",
    ),
    "a list that is gone": (lambda seal: (last(seal)[0], None), "ListDiffers"),
    "the supplement of another seal": (
        lambda seal: last(seal, seal="sha256:" + "0" * 64),
        "OtherSeal",
    ),
    "a conclusion in its place": (
        lambda seal: (signed(conclusion(concluded(seal))), None),
        "OtherSeal",
    ),
    "a foreign signature": (
        lambda _: (signed({"_type": "x"}, new_key_pair().private), None),
        "SignatureInvalid",
    ),
    "no statement at all": (lambda _: (b"junk", None), "SignatureInvalid"),
}


@pytest.mark.parametrize("why", TAMPERED)
def test_a_supplement_that_is_none_is_found(why: str) -> None:
    report, seal = report_of()
    make, what = TAMPERED[why]
    envelope, raw = make(seal)
    check_supplement(report, seal, envelope, raw, TRUST, LATER)
    assert whats(report) == [what]


def test_what_a_last_listing_cannot_vouch_for_is_told() -> None:
    report, seal = report_of()
    envelope, raw = last(seal, findings=("no lock protects it",))
    check_supplement(report, seal, envelope, raw, TRUST, LATER)
    assert report.findings == []
    assert report.remarks == ["the supplement does not vouch for this: no lock protects it"]


def test_what_is_in_the_signed_supplement_is_nothing_that_came_behind_the_seal() -> None:
    report, seal = report_of()
    envelope, raw = last(seal, LATE)
    check_supplement(report, seal, envelope, raw, TRUST, LATER)
    later_still = artifact("later.bin", "v10", sha256="8" * 64)
    check_versions(report, [*ARTIFACTS, LATE, later_still])
    assert [(each.what, each.where) for each in report.findings] == [
        ("WrittenAfterSeal", later_still.key)
    ]


@pytest.mark.parametrize("name", ["supplement", "conclusion"])
@pytest.mark.parametrize(
    ("ended", "written", "holds"),
    [
        ("2026-11-27T00:00:00Z", None, True),
        ("2026-11-27T00:00:00Z", "2026-11-26T12:00:00Z", True),
        ("2026-11-27T00:00:00Z", "2026-11-28T00:00:00Z", False),
        ("2026-11-25T05:00:00Z", None, False),
    ],
    ids=["valid", "valid, and the store agrees", "dated back", "after its end"],
)
def test_a_key_that_ended_signs_nothing_beside_a_seal(
    name: str, ended: str, written: str | None, *, holds: bool
) -> None:
    report, seal = report_of()
    (key,) = TRUST.keys
    trust = TrustBundle((replace(key, valid_until=datetime.fromisoformat(ended)),))
    moment = datetime.fromisoformat(written) if written else None
    envelope, raw = last(seal)
    if name == "supplement":
        check_supplement(report, seal, envelope, raw, trust, LATER, moment)
    else:
        check_conclusion(report, seal, signed(conclusion(concluded(seal))), trust, moment)
    assert whats(report) == ([] if holds else ["KeyNotValid"])


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (
            lambda seal: signed(conclusion(concluded(seal)), new_key_pair().private),
            "SignatureInvalid",
        ),
        (lambda seal: signed(conclusion(concluded(seal, seal="sha256:" + "0" * 64))), "OtherSeal"),
        (lambda seal: last(seal)[0], "OtherSeal"),
    ],
    ids=["a foreign signature", "of another seal", "a supplement in its place"],
)
def test_a_conclusion_that_is_none_is_found(make: Any, what: str) -> None:
    report, seal = report_of()
    check_conclusion(report, seal, make(seal), TRUST)
    assert whats(report) == [what]
    assert report.conclusion is None


RAN = {
    "the declared image": (container(), 0),
    "the same by another name": (
        container(image_id="docker-pullable://mirror/x@sha256:" + "d" * 64),
        0,
    ),
    "another digest": (container(image_id=OTHER), 1),
    "an id that is no digest of a repository": (container(image_id="sha256:" + "f" * 64), 1),
    "nobody knows": (container(image_id=""), 0),
}


@pytest.mark.parametrize("why", RAN)
def test_another_image_than_the_declared_one_is_a_finding(why: str) -> None:
    ran, findings = RAN[why]
    assert len(findings_of(run(ran))) == findings


UNKNOWN = {
    "all is known": (run(), []),
    "its image": (run(container(image_id="")), ["the image that container `run`"]),
    "its log": (
        run(container(log=KeptLog(problem="its kubelet was away"))),
        ["the log of container `run` of pod `run-1` is not kept: its kubelet was away"],
    ),
    "whether its log is whole": (
        run(container(log=KeptLog(key="k", digest=LOG_DIGEST, final=True))),
        ["as far as its kubelet still had it"],
    ),
    "its log, and why": (run(container(log=None)), ["is not kept: it was not read"]),
    "its node": (run(nodes=()), ["the environment of node `n1` is not known: it was not read"]),
    "two attempts that nobody saw": (
        run(attempts=3),
        ["2 of 3 attempts were not seen", "which of the 3 attempts wrote which artifact"],
    ),
    "nothing of stages that had one pod each": (run(**pods_of("fit", "score")), []),
    "which pod of a stage wrote": (
        run(**pods_of("fit", "fit", "score")),
        ["which of the 2 pods of stage `fit` wrote which artifact"],
    ),
    "which stage a pod was of that nobody saw": (
        run(**pods_of("fit", "score") | {"attempts": 3}),
        ["1 of 3 attempts were not seen", "which of the 3 attempts wrote which artifact"],
    ),
}


@pytest.mark.parametrize("why", UNKNOWN)
def test_what_is_not_known_is_said_to_be_so(why: str) -> None:
    seen, words = UNKNOWN[why]
    said = unknowns_of(seen)
    assert len(said) == len(words)
    assert all(word in each for word, each in zip(words, said, strict=True))


def test_who_else_had_pods_is_signed_and_told() -> None:
    tenants = TenantPods.model_validate({"pods": [{"name": "notebook", "uid": "u"}]})
    report, _ = report_of(tenant_pods=tenants)
    assert "other pods in the namespace: 1 were seen (notebook)" in lines_of(report)
