"""The files of the Secret with a session for artifacts, as AWS SDKs read them. Pure.

An SDK reads keys out of a file once and keeps them until its process ends; what it fetches, from a
program or from an endpoint, it fetches again ahead of the end that came with it
(docs/decisions/0021). So `config` says how to reach the store and holds no keys: a run fetches them
from its own pod. `config-with-process` says the same and fetches them with `cat`, for pods that a
team makes itself. `credentials` is for programs that know nothing else, and are sure to read it
again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any, Final

import orjson

from glovebox import names
from glovebox.api.object_store import ObjectStoreSpec
from glovebox.api.stages import Stage
from glovebox.data.delivery import AUTHORITIES_SUFFIX, CREDENTIALS_SUFFIX
from glovebox.desired.stage_files import own_files

if TYPE_CHECKING:
    from glovebox.store.credentials import SessionCredentials

# Where the Secret is mounted; `config-with-process` has to know.
SESSION_FOLDER: Final = "/var/run/glovebox/artifacts"
CONFIG_FILE: Final = "config"
PROCESS_CONFIG_FILE: Final = "config-with-process"
CREDENTIALS_FILE: Final = "credentials"
SESSION_FILE: Final = "session.json"
# The authorities are there where the store names some.
_FILES: Final = (
    CREDENTIALS_FILE,
    f"{CREDENTIALS_FILE}{AUTHORITIES_SUFFIX}",
    CONFIG_FILE,
    PROCESS_CONFIG_FILE,
    SESSION_FILE,
)
# The end that is told comes this much before the true one: SDKs ask again up to five seconds
# before it, which is less than clocks differ.
_MARGIN: Final = timedelta(seconds=60)


def session_files(
    spec: ObjectStoreSpec, session: SessionCredentials, authorities: str = ""
) -> dict[str, str]:
    """Return the files by their names.

    Args:
        spec: Of the store that the session is for.
        session: Keys, token and end.
        authorities: That alone are trusted for the store, in PEM; empty for those of the SDK.
    """
    config = _config(spec)
    if authorities:
        config += f"ca_bundle = {SESSION_FOLDER}/{_beside(CREDENTIALS_FILE)}\n"
    return credentials_files(CREDENTIALS_FILE, session, authorities) | {
        CONFIG_FILE: config,
        PROCESS_CONFIG_FILE: (
            f"{config}credential_process = /bin/cat {SESSION_FOLDER}/{SESSION_FILE}\n"
        ),
        SESSION_FILE: _document(session),
    }


def session_volume(stages: Sequence[Stage], stage: Stage | None) -> dict[str, Any]:
    """Return the source of a volume with the files of a session.

    Args:
        stages: The stages of the run; none where there is no run.
        stage: Whose session it is; None where there is no run.
    """
    secret: dict[str, Any] = {"secretName": names.CREDENTIALS_SECRET}
    if stage is None:
        return secret
    return secret | own_files(stages, stage, _FILES, optional=True)


def credentials_files(file: str, session: SessionCredentials, authorities: str) -> dict[str, str]:
    """Return a session as the shared credentials file that every AWS SDK reads.

    Args:
        file: Its name; the authorities lie beside it.
        session: Keys and token.
        authorities: As in `session_files`.
    """
    keys = (
        f"[default]\naws_access_key_id = {session.access_key_id}\naws_secret_access_key ="
        f" {session.secret_access_key}\naws_session_token = {session.session_token}\n"
    )
    return {file: keys} | ({_beside(file): authorities} if authorities else {})


def _beside(file: str) -> str:
    return f"{file.removesuffix(CREDENTIALS_SUFFIX)}{AUTHORITIES_SUFFIX}"


def _config(spec: ObjectStoreSpec) -> str:
    style = "path" if spec.path_style else "virtual"
    return (
        f"[default]\nregion = {spec.region}\nendpoint_url = {spec.endpoint}\ns3 =\n "
        f" addressing_style = {style}\n"
    )


def _document(session: SessionCredentials) -> str:
    """Return one document for both ways: an endpoint says `Token`, a program `SessionToken`."""
    end = (session.expire_time - _MARGIN).astimezone(UTC)
    document = {
        "Version": 1,
        "AccessKeyId": session.access_key_id,
        "SecretAccessKey": session.secret_access_key,
        "SessionToken": session.session_token,
        "Token": session.session_token,
        "Expiration": f"{end:%Y-%m-%dT%H:%M:%SZ}",
    }
    return orjson.dumps(document).decode()
