"""A store as the fetcher sees it, with credentials in a file that is replaced while we read.

The file is an AWS shared credentials file with the profile `default`. It is read again when the
store refuses what we sent, and only then: a refusal with credentials that are newer than the
refused ones is worth another request at once.
"""

from __future__ import annotations

import configparser
import threading
from typing import TYPE_CHECKING, Final, TypeVar

from glovebox.api import reasons
from glovebox.data.delivery import AUTHORITIES_SUFFIX
from glovebox.errors import Forbidden
from glovebox.store.connection import Credentials, Pools, Store, StoreSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from glovebox.data.delivery import StoreAddress

T = TypeVar("T")
_PROFILE: Final = "default"


class Origin:
    """One store of a plan.

    Args:
        address: How to reach it.
        credentials: The file with its keys.
        pools: Where its reads run.
    """

    def __init__(self, address: StoreAddress, credentials: Path, pools: Pools) -> None:
        self._address = address
        self._file = credentials
        self._pools = pools
        self._reading = threading.Lock()
        self._store: Store | None = None

    @property
    def store(self) -> Store:
        """The store with the newest credentials that are known.

        Raises:
            Forbidden: The file cannot be read.
        """
        with self._reading:
            if self._store is None:
                self._store = self._open(read_credentials(self._file))
            return self._store

    def ask(self, work: Callable[[Store], T]) -> T:
        """Do some work with the store; once more when refused and newer credentials are there."""
        used = self.store
        try:
            return work(used)
        except Forbidden:
            if not self._renewed(used):
                raise
        return work(self.store)

    def _renewed(self, refused: Store) -> bool:
        with self._reading:
            if self._store is not refused:
                return True
            found = read_credentials(self._file)
            if found == refused.settings.credentials:
                return False
            self._store = self._open(found)
            return True

    def _open(self, credentials: Credentials) -> Store:
        address = self._address
        return Store(
            StoreSettings(
                address.endpoint,
                address.region,
                address.path_style,
                credentials,
                ca_bundle=authorities_beside(self._file),
                proxy=address.proxy,
            ),
            self._pools,
        )


def authorities_beside(file: Path) -> str:
    """Return the authorities that lie beside a file of credentials; empty where there are none.

    Raises:
        Forbidden: They cannot be read.
    """
    try:
        return file.with_suffix(AUTHORITIES_SUFFIX).read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise Forbidden(
            reasons.STORE_FORBIDDEN,
            f"the authorities in {file.with_suffix(AUTHORITIES_SUFFIX)} cannot be read"
            f" ({type(error).__name__})",
        ) from None


def read_credentials(file: Path) -> Credentials:
    """Return the keys of the profile `default`.

    Raises:
        Forbidden: There is no such file, or no keys in it. Its content is never shown.
    """
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(file.read_text(encoding="utf-8"))
        profile = parser[_PROFILE]
        return Credentials(
            profile["aws_access_key_id"],
            profile["aws_secret_access_key"],
            profile.get("aws_session_token"),
        )
    except (OSError, UnicodeDecodeError, configparser.Error, KeyError) as error:
        raise Forbidden(
            reasons.STORE_CREDENTIALS_NOT_FOUND,
            f"there are no usable credentials in {file.name} ({type(error).__name__}): the operator"
            " writes them into a Secret",
        ) from None
