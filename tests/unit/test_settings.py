"""Settings that need one another."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from glovebox.settings import Settings

IMAGE = "registry.example/glovebox@sha256:" + "e" * 64


def test_tasks_as_jobs_need_the_image_and_the_refusal_says_how() -> None:
    with pytest.raises(ValidationError, match="set it to the Glovebox image by digest"):
        Settings.from_environment({"GLOVEBOX_TASKS": "Jobs"})
    made = Settings.from_environment({"GLOVEBOX_TASKS": "Jobs", "GLOVEBOX_IMAGE": IMAGE})
    assert made.tasks == "Jobs"


def test_tasks_run_in_the_process_unless_told_otherwise() -> None:
    assert Settings().tasks == "InProcess"


def test_networks_that_are_none_are_refused_by_the_name_of_their_variable() -> None:
    with pytest.raises(ValidationError, match=r"GLOVEBOX_NEVER_REACHABLE lists .*192\.0\.2\.0/24"):
        Settings.from_environment({"GLOVEBOX_NEVER_REACHABLE": "192.0.2.1/24"})
    made = Settings.from_environment({"GLOVEBOX_NEVER_REACHABLE": "192.0.2.0/24, 2001:db8::/32"})
    assert list(map(str, made.networks_never_reachable)) == ["192.0.2.0/24", "2001:db8::/32"]


@pytest.mark.parametrize(
    ("lineage", "complaint"),
    [
        (
            '{"enabled":true,"destinations":[{"name":"a","url":"http://x/","secretName":"t"}]}',
            "a token is sent over TLS alone",
        ),
        (
            (
                '{"enabled":true,"destinations":[{"name":"a","url":"http://x/"},'
                '{"name":"a","url":"http://y/"}]}'
            ),
            "two lineage destinations have one name",
        ),
        ('{"destinations":[{"name":"a","url":"http://x/"}]}', "is not enabled"),
        ('{"enabled":true,"destinations":[{"name":"a","url":"http://u:p@x/"}]}', "url"),
        ('{"enabled":true,"destinations":[{"name":"a","url":"ftp://x/"}]}', "url"),
        (
            '{"enabled":true,"destinations":[{"name":"a","url":"https://x/","caBundle":"none"}]}',
            "no certificate in PEM",
        ),
    ],
)
def test_a_destination_of_lineage_that_cannot_be_meant_is_refused(
    lineage: str, complaint: str
) -> None:
    with pytest.raises(ValidationError, match=complaint):
        Settings.from_environment({"GLOVEBOX_LINEAGE": lineage})


def test_no_lineage_is_written_unless_told_otherwise() -> None:
    assert not Settings().lineage.enabled
    assert Settings.from_environment({"GLOVEBOX_LINEAGE": '{"enabled":true}'}).lineage.enabled
