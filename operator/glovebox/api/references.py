"""References from one resource to another by name; binding records UID and digest in status."""

from __future__ import annotations

from pydantic import Field

from glovebox.api.base import Model
from glovebox.api.scalars import DnsLabel, ObjectName


class StoreRef(Model):
    """Names an ObjectStore."""

    name: ObjectName = Field(description="Name of the ObjectStore (cluster-scoped).")


class LocalPinRef(Model):
    """Names a pin in the same namespace."""

    name: ObjectName = Field(
        description="Name of the pin, in the same namespace as the object that names it."
    )


class PinRef(Model):
    """Names a pin, in the same namespace or, with its consent, in another one."""

    name: ObjectName = Field(description="Name of the pin.")
    namespace: DnsLabel | None = Field(
        default=None,
        description=(
            "Namespace of the pin. When absent: the namespace of the object that names it. Another"
            " namespace has to consent; a reference without consent is refused with `NotGranted`,"
            " whether the pin exists or not."
        ),
    )


class SecretRef(Model):
    """Names a Secret in the operator's own namespace."""

    name: ObjectName = Field(
        description=(
            "Name of the Secret, in the namespace in which the operator runs. Its keys are"
            " `accessKeyId` and `secretAccessKey`."
        )
    )
