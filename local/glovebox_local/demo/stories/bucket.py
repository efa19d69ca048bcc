"""A bucket of the team's, as whoever has its keys sees it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from glovebox_local.demo.loading import BUCKET, client_of
from glovebox_local.errors import LocalError

if TYPE_CHECKING:
    from glovebox_local.demo.stage import Stage


class Bucket:
    """One bucket. Every method raises LocalError when the store refuses.

    Args:
        stage: The demonstration, in whose store it lies.
        name: The bucket.
    """

    def __init__(self, stage: Stage, name: str = BUCKET) -> None:
        self._access = stage.environment.access
        self.name = name

    @cached_property
    def _s3(self) -> Any:
        return client_of(self._access)

    def create(self) -> None:
        """Create it, with versions."""
        self._ask("create_bucket")
        self._ask("put_bucket_versioning", VersioningConfiguration={"Status": "Enabled"})

    def get(self, key: str) -> bytes:
        """Return the bytes of an object as it is now."""
        return bytes(self._ask("get_object", Key=key)["Body"].read())

    def head(self, key: str) -> tuple[object, ...]:
        """Return what S3 says of an object without its bytes: version, size, ETag and date."""
        said = self._ask("head_object", Key=key)
        return tuple(said[name] for name in ("VersionId", "ContentLength", "ETag", "LastModified"))

    def put(self, key: str, body: bytes) -> None:
        """Write an object."""
        self._ask("put_object", Key=key, Body=body)

    def hide(self, key: str) -> None:
        """Delete an object as most people do: it gets a marker, and its versions stay."""
        self._ask("delete_object", Key=key)

    def destroy(self, key: str) -> None:
        """Delete the latest version of an object, for good."""
        version = self._ask("head_object", Key=key)["VersionId"]
        self._ask("delete_object", Key=key, VersionId=version)

    def _ask(self, operation: str, **arguments: Any) -> Any:
        from botocore.exceptions import (  # noqa: PLC0415 - heavy, and only demonstrations need it
            BotoCoreError,
            ClientError,
        )

        try:
            return getattr(self._s3, operation)(Bucket=self.name, **arguments)
        except (BotoCoreError, ClientError) as error:
            raise LocalError(
                f"{operation} on s3://{self.name}", f"it was refused: {error}"
            ) from error
