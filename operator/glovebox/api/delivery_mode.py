"""How pinned datasets are delivered into pods: one mode per profile, with its settings only.

In every mode the bytes are compared with the pin before any code of the team runs. Feature
definitions are delivered with the plan, whatever the mode.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from glovebox.api.base import Model
from glovebox.api.scalars import DNS_SUBDOMAIN, Quantity
from glovebox.api.schema import FORBIDDEN, REQUIRED, list_atomic, rule, rules, taught

DeliveryMode = Literal["Fetch", "Cache", "CSI", "Image"]


class CacheDelivery(Model):
    """The volume that a pin is copied to once, and that many experiments then read."""

    storage_class_name: str = Field(
        max_length=253,
        description=(
            "StorageClass of the cache volumes. Its volumes must be mountable by many nodes at once"
            " (ReadOnlyMany), or every pod must run on one node. Empty: volumes that an"
            " administrator created, without a class."
        ),
    )
    access_mode: Literal["ReadWriteOnce", "ReadWriteMany"] = Field(
        default="ReadWriteOnce",
        description=(
            "How the volume is claimed while it is filled. Experiments claim it ReadOnlyMany in any"
            " case."
        ),
    )
    minimum_size: Quantity = Field(
        default="1Gi",
        description=(
            "Smallest volume that is claimed (bytes). A larger pin claims its own size and a tenth"
            " more, and room for the blocks and inodes of its files."
        ),
    )


class CsiDelivery(Model):
    """A CSI driver that mounts a prefix; `$(bucket)` and `$(prefix)` are replaced by the pin's."""

    driver: Annotated[
        str,
        Field(max_length=63),
        taught(
            DNS_SUBDOMAIN,
            "must be the name of a CSI driver as `kubectl get csidrivers` shows it, such as"
            " 's3.csi.aws.com'",
        ),
    ] = Field(description="Name of the CSI driver.")
    volume_attributes: dict[str, str] = Field(
        default={},
        max_length=32,
        json_schema_extra={"additionalProperties": {"type": "string", "maxLength": 1024}},
        description="`volumeAttributes` of each volume, such as `bucketName: $(bucket)`.",
    )
    mount_options: tuple[Annotated[str, Field(max_length=1024)], ...] = Field(
        default=(),
        max_length=32,
        json_schema_extra=list_atomic(),
        description=(
            "`mountOptions` of each volume, such as `prefix $(prefix)`. The prefix ends in `/`, as"
            " in the pin."
        ),
    )


class Delivery(Model):
    """How pinned datasets are delivered into pods."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            *(
                each
                for mode, settings in (("Cache", "cache"), ("CSI", "csi"))
                for each in (
                    rule(
                        f"self.mode != '{mode}' || has(self.{settings})",
                        f"`{settings}` must be given for `mode: {mode}`",
                        field_path=f".{settings}",
                        reason=REQUIRED,
                    ),
                    rule(
                        f"self.mode == '{mode}' || !has(self.{settings})",
                        f"`{settings}` must be left out unless `mode` is {mode}",
                        field_path=f".{settings}",
                        reason=FORBIDDEN,
                    ),
                )
            )
        )
    )

    mode: DeliveryMode = Field(
        default="Fetch",
        description=(
            "`Fetch`: each pod downloads its own copy, by version, hashed while it is written."
            " `Cache`: one volume per pin is filled once and then only read. `CSI`: a driver mounts"
            " the pin's prefix. `Image`: the OCI image that the pin names in `spec.image`. In all"
            " but `Fetch` an init container hashes everything before the run starts."
        ),
    )
    cache: CacheDelivery | None = Field(default=None, description="Settings of `mode: Cache`.")
    csi: CsiDelivery | None = Field(default=None, description="Settings of `mode: CSI`.")
