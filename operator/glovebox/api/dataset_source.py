"""Where the data of a DatasetPin are: one of five sources."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from glovebox.api.base import Model
from glovebox.api.derived import ExperimentSource
from glovebox.api.scalars import Bucket, DnsLabel, KeyPrefix, ObjectKey, ObjectName, VersionId
from glovebox.api.schema import list_atomic, rule, rules


class PrefixSource(Model):
    """Everything below a prefix, in the versions that are current when the pin is created.

    Folder markers (empty objects whose key ends in `/`) are no files, and are left out.
    """

    bucket: Bucket = Field(description="Bucket that holds the objects.")
    prefix: KeyPrefix = Field(
        default="", description="Prefix of the keys, ending in `/`. When absent: the whole bucket."
    )


class ManifestSource(Model):
    """A manifest that Glovebox wrote, or one in the same format: it lists the exact versions."""

    bucket: Bucket = Field(description="Bucket that holds the manifest.")
    key: ObjectKey = Field(description="Key of the manifest.")
    version_id: VersionId | None = Field(
        default=None,
        description=(
            "Version of the manifest. When absent: the version that is current when the pin is"
            " created."
        ),
    )


# Pins are held in memory, all of them.
MAX_LISTED = 262144


class ObjectSource(Model):
    """One exact object version."""

    bucket: Bucket = Field(description="Bucket that holds the object.")
    key: ObjectKey = Field(description="Key of the object.")
    version_id: VersionId = Field(description="Version of the object.")
    path: ObjectKey | None = Field(
        default=None, description="Path under which the run finds the object. When absent: the key."
    )


class SplitPartSource(Model):
    """One part of a split."""

    name: ObjectName = Field(description="Name of the SplitPin, in the same namespace.")
    part: DnsLabel = Field(description="Name of the part, as `spec.parts` of the SplitPin has it.")


class DatasetSource(Model):
    """Where the data is. Exactly one of the members."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "[has(self.prefix), has(self.manifest), has(self.objects), has(self.split),"
                " has(self.experimentRef)].filter(given, given).size() == 1",
                "must be exactly one of `prefix` (everything below a key prefix), `manifest` (a"
                " list that is already in the store), `objects` (a list written here), `split`"
                " (a part of a SplitPin) and `experimentRef` (artifacts of a sealed Experiment)",
            ),
            rule(
                "!has(self.objects) || self.objects.map(o, o.bucket.size() + o.key.size() +"
                f" o.versionId.size() + (has(o.path) ? o.path.size() : 0)).sum() <= {MAX_LISTED}",
                f"must hold in `objects` at most {MAX_LISTED} characters in all: for more use"
                " `manifest`, a list that is in the store",
                field_path=".objects",
            ),
        )
    )

    prefix: PrefixSource | None = Field(
        default=None,
        description=(
            "Everything below a prefix, in the versions that are current when the pin is created."
        ),
    )
    manifest: ManifestSource | None = Field(
        default=None, description="A manifest in the store that lists the exact versions."
    )
    objects: tuple[ObjectSource, ...] = Field(
        default=(),
        max_length=1000,
        json_schema_extra=list_atomic(),
        description=(
            "The exact versions, listed here; at most 1000, and 262,144 characters. For more use"
            " `manifest`."
        ),
    )
    split: SplitPartSource | None = Field(
        default=None,
        description=(
            "A part of a SplitPin in this namespace. Experiments may use it in the part's own role"
            " alone."
        ),
    )
    experiment_ref: ExperimentSource | None = Field(
        default=None,
        description=(
            "The artifacts of a sealed Experiment in this namespace, in exactly the versions that"
            " its seal lists. The pin waits until the Experiment is sealed, and stays when it is"
            " deleted."
        ),
    )
