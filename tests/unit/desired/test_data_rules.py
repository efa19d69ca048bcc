"""What a profile refuses because of what pins say of their data, in the words that a user reads."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from glovebox.api.evolution import ContractChange, EvolutionStatus
from glovebox.api.isolation_profile import IsolationProfile
from glovebox.api.object_store import ObjectStore
from glovebox.api.stated_data import StatedData
from glovebox.api.statistics import Distribution
from glovebox.api.statistics_status import DistributionStatus
from glovebox.data.provenance import Gap
from glovebox.desired.data_input import DataInput
from glovebox.desired.data_rules import CHECKS, check_data, checked_fields
from glovebox.desired.platform import identity, profile_changes
from glovebox.desired.profile_defects import check_profile
from glovebox.errors import NotReady, Refused
from support.examples import flights

FULL = {
    "environment": "Production",
    "classification": "Internal",
    "license": "CC-BY-4.0",
    "region": "eu-central-1",
    "personalData": "Pseudonymised",
    "origin": "Collected",
    "provenance": "Full",
}
NOW = datetime(2026, 6, 1, tzinfo=UTC)
WHO = "input `train`: DatasetPin 'rows'"


def profile(environment: str | None = None, **data: Any) -> IsolationProfile:
    made = flights("IsolationProfile")
    spec = {name: part for name, part in made["spec"].items() if name != "data"}
    spec |= {"data": data} | ({"environment": environment} if environment else {})
    return IsolationProfile.model_validate({"metadata": {"name": "strict"}, "spec": spec})


def data(role: str = "train", gaps: tuple[Gap, ...] = (), **stated: str | None) -> DataInput:
    said = {name: value for name, value in {**FULL, **stated}.items() if value is not None}
    return DataInput("train", "rows", role, StatedData.model_validate(said), NOW, gaps)


def compared(
    verdict: str, *columns: tuple[str, str], thresholds: dict[str, int] | None = None
) -> DataInput:
    """Return an input whose distribution was compared with that of another pin."""
    at = {"bucket": "b", "key": "k", "digest": "sha256:1", "bytes": 1}
    found = DistributionStatus.model_validate(
        {
            **dict.fromkeys(("content", "asked", "againstContent"), "sha256:1"),
            "againstStatistics": "sha256:1",
            "comparedTime": "2026-01-01T00:00:00Z",
            "against": "months",
            "verdict": verdict,
            **dict.fromkeys(("stable", "moved", "unknown"), 0),
            "columns": [
                {"name": name, "verdict": verdict, "reason": reason} for name, reason in columns
            ],
            "document": at,
        }
    )
    asked = Distribution.model_validate({"thresholds": thresholds or {}})
    return replace(data(distribution=verdict), distribution=asked, compared=found)


def successor(
    compatibility: str, *changes: tuple[str, str, str], message: str = "", **stated: str
) -> DataInput:
    """Return an input whose pin supersedes another one."""
    known = EvolutionStatus(
        against="older",
        compatibility=compatibility,
        changes=len(changes),
        first=tuple(
            ContractChange(column=column, rule=rule, breaks=breaks, message="m")
            for column, rule, breaks in changes
        ),
        message=message,
    )
    return replace(data("train", (), compatibility=compatibility, **stated), evolution=known)


def store(region: str = "eu-central-1") -> ObjectStore:
    made = flights("ObjectStore")
    return ObjectStore.model_validate({**made, "spec": {**made["spec"], "region": region}})


REFUSED: list[tuple[IsolationProfile, DataInput, str, str]] = [
    (
        profile("Development"),
        data(),
        "EnvironmentNotAllowed",
        (
            f"{WHO} says `spec.environment: Production`, and IsolationProfile strict is for"
            " Development"
            " (`spec.environment`): production data and others are kept apart; use data of"
            " Development,"
            " or a profile for Production"
        ),
    ),
    (
        profile("Production"),
        data(environment="Staging"),
        "EnvironmentNotAllowed",
        (
            f"{WHO} says `spec.environment: Staging`, and IsolationProfile strict is for Production"
            " (`spec.environment`): production data and others are kept apart; use data of"
            " Production,"
            " or a profile for Staging"
        ),
    ),
    (
        profile("Production", environments=["Production"]),
        data(environment=None),
        "EnvironmentNotAllowed",
        (
            f"{WHO} does not say `spec.environment`, and IsolationProfile strict lets in Production"
            " (`spec.data.environments`): use data that say so, or a profile for theirs"
        ),
    ),
    (
        profile(environments=["Development", "Staging"]),
        data(),
        "EnvironmentNotAllowed",
        (
            f"{WHO} says `spec.environment: Production`, and IsolationProfile strict lets in"
            " Development, Staging (`spec.data.environments`): use data that say so, or a"
            " profile for"
            " theirs"
        ),
    ),
    (
        profile(classifications=["Public", "Internal"]),
        data(classification="Restricted"),
        "ClassificationNotAllowed",
        (
            f"{WHO} says `spec.classification: Restricted`, and IsolationProfile strict allows"
            " Internal, Public (`spec.data.classifications`): use such data, or a profile for these"
        ),
    ),
    (
        profile(classifications=["Public"]),
        data(classification=None),
        "ClassificationNotAllowed",
        (
            f"{WHO} does not say `spec.classification`, and IsolationProfile strict allows Public"
            " (`spec.data.classifications`): use such data, or a profile for these"
        ),
    ),
    (
        profile(pseudonymised=["Internal"]),
        data(personalData="Identifiable"),
        "NotPseudonymised",
        (
            f"{WHO} says `spec.personalData: Identifiable` and is Internal, and"
            " IsolationProfile strict"
            " wants no names in data that are Internal (`spec.data.pseudonymised`): pin data in"
            " which"
            " names were replaced, with `spec.personalData: Pseudonymised`"
        ),
    ),
    (
        profile(pseudonymised=["Internal"]),
        data(personalData=None),
        "NotPseudonymised",
        (
            f"{WHO} does not say `spec.personalData` and is Internal, and IsolationProfile strict"
            " wants no names in data that are Internal (`spec.data.pseudonymised`): pin data in"
            " which"
            " names were replaced, with `spec.personalData: Pseudonymised`"
        ),
    ),
    (
        profile(pseudonymised=["Restricted"]),
        data(classification=None, personalData="Identifiable"),
        "NotPseudonymised",
        (
            f"{WHO} says `spec.personalData: Identifiable` and is without a classification, and"
            " IsolationProfile strict wants no names in data that are Restricted"
            " (`spec.data.pseudonymised`): pin data in which names were replaced, with"
            " `spec.personalData: Pseudonymised`"
        ),
    ),
    (
        profile(regions=["eu-central-1"]),
        data(region="us-east-1"),
        "RegionNotAllowed",
        (
            f"{WHO} says `spec.region: us-east-1`, and IsolationProfile strict allows eu-central-1"
            " (`spec.data.regions`): use data of such a region, or another profile"
        ),
    ),
    (
        profile(regions=["eu-central-1"]),
        data(region=None),
        "RegionNotAllowed",
        (
            f"{WHO} does not say `spec.region`, and IsolationProfile strict allows eu-central-1"
            " (`spec.data.regions`): use data of such a region, or another profile"
        ),
    ),
    (
        profile(origins=[{"role": "holdout", "allowed": ["Collected"]}]),
        data("holdout", origin="Synthetic"),
        "OriginNotAllowed",
        (
            f"{WHO} says `spec.provenance.origin: Synthetic` and has the role holdout, for which"
            " IsolationProfile strict allows Collected (`spec.data.origins`): use such data, or"
            " another"
            " role"
        ),
    ),
    (
        profile(origins=[{"role": "holdout", "allowed": ["Collected"]}]),
        data("holdout", origin=None),
        "OriginNotAllowed",
        (
            f"{WHO} does not say `spec.provenance.origin` and has the role holdout, for which"
            " IsolationProfile strict allows Collected (`spec.data.origins`): use such data, or"
            " another"
            " role"
        ),
    ),
    (
        profile(licenses={"allowed": ["CC0-1.0", "MIT"]}),
        data(),
        "LicenseNotAllowed",
        (
            f"{WHO} says `spec.license: CC-BY-4.0`, and IsolationProfile strict allows CC0-1.0, MIT"
            " (`spec.data.licenses`): use data under another licence, or another profile"
        ),
    ),
    (
        profile(licenses={"denied": ["CC-BY-4.0"]}),
        data(),
        "LicenseNotAllowed",
        (
            f"{WHO} says `spec.license: CC-BY-4.0`, and IsolationProfile strict denies CC-BY-4.0"
            " (`spec.data.licenses`): use data under another licence, or another profile"
        ),
    ),
    (
        profile(licenses={"denied": ["MIT"]}),
        data(license=None),
        "LicenseNotAllowed",
        (
            f"{WHO} does not say `spec.license`, and IsolationProfile strict denies MIT"
            " (`spec.data.licenses`): use data under another licence, or another profile"
        ),
    ),
    (
        profile(licenses={"allowed": ["MIT"], "denied": ["CC0-1.0"]}),
        data(license="CC0"),
        "LicenseNotAllowed",
        (
            f"{WHO} says `spec.license: CC0` (SPDX lists no licence 'CC0'), and"
            " IsolationProfile strict"
            " allows MIT and denies CC0-1.0 (`spec.data.licenses`): use data under another"
            " licence, or"
            " another profile"
        ),
    ),
    (
        profile(provenance="Basic"),
        data(
            provenance="None",
            gaps=(Gap("spec.owner", "who", basic=True), Gap("spec.region", "where")),
        ),
        "ProvenanceIncomplete",
        (
            f"{WHO} has the provenance None, and IsolationProfile strict demands Basic"
            " (`spec.data.provenance`); missing are: spec.owner: create a pin that says it, or"
            " declare"
            " the sources"
        ),
    ),
    (
        profile(provenance="Full"),
        data(
            provenance="Basic",
            gaps=(
                Gap("spec.region", "where"),
                Gap("spec.provenance.sources[0]", "there is no DatasetPin 'raw'"),
                *(Gap(f"spec.f{number}", "what") for number in range(5)),
            ),
        ),
        "ProvenanceIncomplete",
        (
            f"{WHO} has the provenance Basic, and IsolationProfile strict demands Full"
            " (`spec.data.provenance`); missing are: spec.region; spec.provenance.sources[0]"
            " (there is"
            " no DatasetPin 'raw'); spec.f0; spec.f1; spec.f2; and 2 more: create a pin that"
            " says it,"
            " or declare the sources"
        ),
    ),
    (
        profile(compatibility="Forward"),
        successor("Breaking", ("delay", "Type", "Both"), ("", "Format", "Backward")),
        "ContractIncompatible",
        (
            f"{WHO} supersedes DatasetPin 'older', and its contract is not compatible with that"
            " one's, and IsolationProfile strict demands Forward (`spec.data.compatibility`); what"
            " changed: `delay` (Type): create a pin that says in `spec.migration.notes` what its"
            " users have to change, or one whose contract keeps what was promised"
        ),
    ),
    (
        profile(compatibility="Full"),
        successor("Forward", *((f"c{at}", "Columns", "Backward") for at in range(6))),
        "ContractIncompatible",
        (
            f"{WHO} supersedes DatasetPin 'older', and its contract is Forward compatible alone,"
            " and IsolationProfile strict demands Full (`spec.data.compatibility`); what changed:"
            " `c0` (Columns), `c1` (Columns), `c2` (Columns), `c3` (Columns), `c4` (Columns), and"
            " others: create a pin that says in `spec.migration.notes` what its users have to"
            " change, or one whose contract keeps what was promised"
        ),
    ),
    (
        profile(distribution={}),
        compared("moved", ("delay", "PSI"), ("carrier", "TotalVariation")),
        "DistributionNotStable",
        (
            f"{WHO} moved against DatasetPin 'months', and IsolationProfile strict"
            " (`spec.data.distribution`) lets in what is stable: `delay` (PSI), `carrier`"
            " (TotalVariation): use other data, or compare them with data that they are to be like"
        ),
    ),
    (
        profile(distribution={}),
        compared("unknown", *((f"c{at}", "TooFewRows") for at in range(6))),
        "DistributionNotStable",
        (
            f"{WHO} is not known to be stable against DatasetPin 'months', and IsolationProfile"
            " strict (`spec.data.distribution`) lets in what is stable: `c0` (TooFewRows), `c1`"
            " (TooFewRows), `c2` (TooFewRows), `c3` (TooFewRows), `c4` (TooFewRows), and others:"
            " use other data, or compare them with data that they are to be like"
        ),
    ),
    (
        profile(distribution={"psi": 1000, "ks": 1000}),
        compared("stable", thresholds={"psi": 2500, "nullShare": 300, "ks": 900}),
        "DistributionNotStable",
        (
            f"{WHO} judges its distribution by `spec.distribution.thresholds` that are looser than"
            " IsolationProfile strict (`spec.data.distribution`) allows: psi 2500 (at most 1000),"
            " nullShare 300 (at most 200): create a pin with closer ones"
        ),
    ),
    (
        profile(requireHold=True),
        data(),
        "HoldRequired",
        (
            f"{WHO} does not say `spec.hold`, and IsolationProfile strict demands that nobody can"
            " delete the data while they are used (`spec.data.requireHold`): create a pin with"
            " `spec.hold: WhileUsed`, or use another profile"
        ),
    ),
    (
        profile(withinRetention=True),
        data(retention="2026-06-01T00:00:00Z"),
        "RetentionEnded",
        (
            f"{WHO} says `spec.retention.untilTime: 2026-06-01T00:00:00Z`, which is over, and"
            " IsolationProfile strict lets in data only while they may be kept"
            " (`spec.data.withinRetention`): use data that may still be kept, or another profile"
        ),
    ),
    (
        profile(withinRetention=True),
        data(),
        "RetentionUnknown",
        (
            f"{WHO} does not say `spec.retention`, and IsolationProfile strict lets in data only"
            " while they may be kept (`spec.data.withinRetention`): create a pin that says how long"
            " and why, or use another profile"
        ),
    ),
]


@pytest.mark.parametrize(
    ("demands", "given", "reason", "message"),
    REFUSED,
    ids=[f"{reason}-{number}" for number, (_, _, reason, _) in enumerate(REFUSED)],
)
def test_it_is_refused_with_pin_field_and_cure(
    demands: IsolationProfile, given: DataInput, reason: str, message: str
) -> None:
    with pytest.raises(Refused) as refused:
        check_data(demands, [data(), given] if reason == "OriginNotAllowed" else [given], [])
    assert (refused.value.reason, refused.value.message) == (reason, message)
    check_data(profile(), [given], [store("elsewhere")])


def test_every_check_has_a_case() -> None:
    found = set()
    for demands, given, reason, _ in REFUSED:
        for find_defect in CHECKS:
            try:
                find_defect(demands, given)
            except Refused as refused:
                assert refused.reason == reason  # noqa: PT017 - of several checks one refuses
                found.add(find_defect)
    assert found == set(CHECKS)


@pytest.mark.parametrize(
    ("demands", "given"),
    [
        (profile("Production", environments=["Production"]), data()),
        (profile("Production"), data(environment=None)),
        (profile("Development"), data(environment="Staging")),
        (profile(classifications=["Internal"]), data()),
        (profile(pseudonymised=["Internal", "Restricted"]), data()),
        (profile(pseudonymised=["Internal"]), data(personalData="Absent")),
        (profile(pseudonymised=["Internal"]), data(personalData="Anonymised")),
        (profile(pseudonymised=["Restricted"]), data(personalData="Identifiable")),
        (profile(regions=["eu-central-1", "eu-west-1"]), data()),
        (profile(origins=[{"role": "holdout", "allowed": ["Collected"]}]), data(origin=None)),
        (profile(licenses={"allowed": ["CC-BY-4.0"]}), data()),
        (profile(licenses={"denied": ["MIT"]}), data()),
        (profile(provenance="Basic"), data(provenance="Basic")),
        (profile(provenance="Full"), data()),
        (profile(), DataInput("train", "rows", "train", StatedData(), NOW)),
        (profile(compatibility="Full"), data()),
        (profile(compatibility="Full"), successor("Full")),
        (profile(compatibility="Forward"), successor("Forward")),
        (profile(compatibility="Backward"), successor("Backward")),
        (profile(compatibility="Full"), successor("Breaking", migration="sha256:1")),
        (profile(compatibility="Full"), successor("Unknown", migration="sha256:1")),
        (profile(), successor("Breaking")),
        (profile(requireHold=True), data(hold="WhileUsed")),
        (profile(withinRetention=True), data(retention="Unlimited")),
        (profile(withinRetention=True), data(retention="2026-06-01T00:00:01Z")),
        # The last hours of the year 9999, west of Greenwich.
        (profile(withinRetention=True), data(retention="9999-12-31T23:59:59-05:00")),
        (profile(), data(retention="2020-01-01T00:00:00Z")),
        (profile(), compared("moved", ("delay", "PSI"))),
        (profile(distribution={}), data()),
        (profile(distribution={}), compared("stable")),
        (profile(distribution={"psi": 900}), compared("stable", thresholds={"psi": 900})),
    ],
)
def test_what_fits_passes(demands: IsolationProfile, given: DataInput) -> None:
    check_data(demands, [given], [store()])


@pytest.mark.parametrize("stated", ["Newer", "Other"])
def test_a_word_of_a_newer_version_passes_no_rule(stated: str) -> None:
    for demands, given in (
        (profile(provenance="Basic"), data(provenance=stated)),
        (profile(pseudonymised=["Internal"]), data(personalData=stated)),
        (profile("Production"), data(environment=stated)),
        (profile(withinRetention=True), data(retention=stated)),
    ):
        with pytest.raises(Refused):
            check_data(demands, [given], [])


def test_a_source_that_is_being_read_is_waited_for_and_a_missing_one_is_not() -> None:
    reading = Gap("spec.provenance.sources[0]", "'raw' was not read yet", pending=True)
    with pytest.raises(NotReady) as waits:
        check_data(profile(provenance="Full"), [data(provenance="Basic", gaps=(reading,))], [])
    assert waits.value.reason == "ProvenanceIncomplete"
    both = (reading, Gap("spec.region", "where"))
    with pytest.raises(Refused):
        check_data(profile(provenance="Full"), [data(provenance="Basic", gaps=both)], [])


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (successor("Unknown", message="there is no DatasetPin 'older'"), "there is no DatasetPin"),
        (successor("Unknown"), "it was not compared yet"),
        (successor("Newer"), "it was not compared yet"),
        (data(compatibility="Unknown"), "it was not compared yet"),
        # It was compared since it was resolved; the next look knows.
        (replace(successor("Full"), stated=data(compatibility="Unknown").stated), "not compared"),
    ],
)
def test_what_is_not_known_of_a_predecessor_is_waited_for(given: DataInput, why: str) -> None:
    with pytest.raises(NotReady) as waits:
        check_data(profile(compatibility="Backward"), [given], [])
    assert waits.value.reason == "ContractIncompatible"
    assert why in waits.value.message
    assert "`spec.migration.notes`" in waits.value.message


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(replace(compared("unknown"), compared=None), id="never"),
        pytest.param(
            replace(compared("stable"), stated=data(distribution="unknown").stated),
            id="not by what is asked now",
        ),
    ],
)
def test_what_was_not_compared_yet_is_waited_for(given: DataInput) -> None:
    with pytest.raises(NotReady) as waits:
        check_data(profile(distribution={}), [given], [])
    assert waits.value.reason == "DistributionNotStable"
    assert "`DistributionStable` of the pin says" in waits.value.message


def test_a_store_elsewhere_is_refused_also_without_data() -> None:
    with pytest.raises(Refused) as refused:
        check_data(profile(regions=["eu-central-1"]), [], [store(), store("us-east-1")])
    assert refused.value.reason == "RegionNotAllowed"
    assert refused.value.message == (
        "ObjectStore primary is in `spec.region: us-east-1`, and IsolationProfile strict allows"
        " eu-central-1 (`spec.data.regions`): name a store in such a region, or another profile"
    )


@pytest.mark.parametrize(
    ("demands", "fields"),
    [
        (profile(), ()),
        (profile("Production"), ("environment",)),
        (profile(environments=["Staging"]), ("environment",)),
        (profile(classifications=["Public"]), ("classification",)),
        (profile(pseudonymised=["Public"]), ("classification", "personal_data")),
        (profile(regions=["x"]), ("region",)),
        (profile(origins=[{"role": "test", "allowed": ["Collected"]}]), ("origin",)),
        (profile(licenses={"allowed": ["MIT"]}), ("license",)),
        (profile(licenses={"denied": ["MIT"]}), ("license",)),
        (profile(provenance="Basic"), ("digest",)),
        (profile(compatibility="None"), ()),
        (profile(compatibility="Backward"), ("migration",)),
        (profile(withinRetention=True), ("retention",)),
    ],
)
def test_what_a_rule_looks_at_is_what_is_covered(
    demands: IsolationProfile, fields: tuple[str, ...]
) -> None:
    assert checked_fields(demands.spec) == fields


def test_rules_are_part_of_the_identity_and_the_order_of_lists_is_not() -> None:
    one = profile(regions=["a", "b"], licenses={"allowed": ["MIT", "CC0-1.0"]})
    other = profile(regions=["b", "a"], licenses={"allowed": ["CC0-1.0", "MIT"]})
    assert identity(one, ()) == identity(other, ())
    assert profile_changes(one, other) == ()
    assert profile_changes(one, profile()) == ("data",)
    assert profile_changes(profile("Production"), profile("Staging")) == ("environment",)


def test_a_profile_without_rules_has_the_identity_of_before_there_were_any() -> None:
    assert "data" not in identity(profile(), ())["profile"]
    assert "environment" not in identity(profile(), ())["profile"]


@pytest.mark.parametrize("field", ["allowed", "denied"])
def test_a_profile_with_a_licence_that_spdx_does_not_list_cannot_be_used(field: str) -> None:
    check_profile(profile(licenses={field: ["MIT", "LicenseRef-Acme"]}))
    with pytest.raises(Refused, match=f"spec.data.licenses.{field}, SPDX lists no licence 'CC0'"):
        check_profile(profile(licenses={field: ["CC0"]}))
