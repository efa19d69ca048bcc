from __future__ import annotations

from pathlib import Path

import pytest

from glovebox.errors import Forbidden
from glovebox.jobs.origin import read_credentials
from glovebox.store.connection import Credentials


def test_keys_and_token_of_the_default_profile_are_read(tmp_path: Path) -> None:
    file = tmp_path / "primary.credentials"
    file.write_text(
        "[default]\naws_access_key_id = id\naws_secret_access_key = s%c/+ret\naws_session_token ="
        " token==\n"
    )
    assert read_credentials(file) == Credentials("id", "s%c/+ret", "token==")


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "[default]\naws_access_key_id = secret-id\n",
        "secret-text",
        "[other]\na = secret\n",
    ],
)
def test_a_file_without_keys_is_told_without_its_content(text: str | None, tmp_path: Path) -> None:
    file = tmp_path / "primary.credentials"
    if text is not None:
        file.write_text(text)
    with pytest.raises(
        Forbidden, match=r"no usable credentials in primary\.credentials"
    ) as missing:
        read_credentials(file)
    assert "secret" not in missing.value.message.lower().replace("into a secret", "")
