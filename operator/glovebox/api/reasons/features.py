"""Reasons of a FeatureSetPin: its validity, what it is made from, the schema of its values."""

from __future__ import annotations

from typing import Final

from glovebox.api.reasons.meaning import WAIT as _WAIT
from glovebox.api.reasons.meaning import reason as _reason

NOT_YET_VALID: Final = _reason(
    "NotYetValid",
    "FeatureSetPin `Verified`; Experiment `InputsVerified`",
    "The validity window of the pin has not begun.",
    "Wait until it begins, or use another pin.",
)
EXPIRED: Final = _reason(
    "Expired",
    "FeatureSetPin `Verified`, `Ready`, `Retiring`; DatasetPin `Retiring`; Experiment"
    " `InputsVerified`, `Ready`; Event",
    "The validity window of the pin has ended. New Experiments are refused; those that are bound"
    " to it continue with what they have.",
    "Use the pin that supersedes it.",
)
EXPIRES_SOON: Final = _reason(
    "ExpiresSoon",
    "FeatureSetPin, DatasetPin `Retiring`; Event",
    "The validity window of the pin ends within 14 days.",
    "Pin its successor, and let new Experiments use that.",
)
DEPRECATED: Final = _reason(
    "Deprecated",
    "FeatureSetPin `Retiring`; Event",
    "Another pin supersedes this one, and its deprecation date has come. It can be used until its"
    " own validity ends.",
    "Use the pin that the message names; `status.usedBy` says who still uses this one.",
)
TO_BE_DEPRECATED: Final = _reason(
    "ToBeDeprecated",
    "FeatureSetPin `Retiring`; Event",
    "Another pin supersedes this one, from a later date on.",
    "Use the pin that the message names in new Experiments.",
)
CURRENT: Final = _reason(
    "Current",
    "FeatureSetPin, DatasetPin `Retiring`",
    "Nothing supersedes the pin, and its validity does not end soon. Of a DatasetPin: neither its"
    " validity nor its retention ends soon.",
)
INPUT_NOT_FOUND: Final = _reason(
    "InputNotFound",
    "FeatureSetPin `Ready`, `Verified`; Experiment `InputsVerified`, `Ready`",
    "A DatasetPin that the definitions read does not exist in this namespace.",
    "Create the DatasetPin, or correct the name in `spec.inputs`.",
)
INPUT_NOT_READY: Final = _reason(
    "InputNotReady",
    "FeatureSetPin `Ready`, `Verified`; Experiment `InputsVerified`, `Ready`",
    "A DatasetPin that the definitions read is not Ready.",
    "Look at that DatasetPin.",
)
INPUT_DIGEST_MISMATCH: Final = _reason(
    "InputDigestMismatch",
    "FeatureSetPin `Ready`, `Verified`; Experiment `InputsVerified`, `Ready`",
    "A DatasetPin has another content root than the definitions expect.",
    "Correct `spec.inputs[].digest` in a new pin, or name the right DatasetPin.",
)
FEATURES_INCOMPLETE: Final = _reason(
    "FeaturesIncomplete",
    "FeatureSetPin `Verified`",
    "A feature reads an input that `spec.inputs` does not have.",
    "Create a new pin with that entry of `spec.inputs`.",
)
FEATURE_INPUTS_MISSING: Final = _reason(
    "FeatureInputsMissing",
    "Experiment `InputsVerified`, `Ready`",
    "The Experiment uses features, and neither all datasets that they are made from nor their"
    " values are among its inputs: what it learns from would not be recorded, and not be compared"
    " with what it is tested on.",
    "Add the pins that the message names to `spec.inputs.datasets`, or a pin of the same content.",
)
BUILT_FROM_INPUTS: Final = _reason(
    "BuiltFromInputs",
    "FeatureSetPin `BuiltFromInputs`",
    "The sealed run that wrote the values read all of `spec.inputs`.",
)
BUILT_FROM_OTHERS: Final = _reason(
    "BuiltFromOthers",
    "FeatureSetPin `BuiltFromInputs`, `Ready`, `Stalled`",
    "The sealed run that wrote the values read other data than the definitions say; the message"
    " names the inputs that it did not read. Experiments do not start with the pin.",
    "Build the values again out of these inputs, or name in `spec.inputs` what they were built"
    " from, and create a new pin that `supersedes` this one.",
)
SCHEMA_MATCHES: Final = _reason(
    "SchemaMatches",
    "FeatureSetPin `SchemaMatches`; Event",
    "Every feature, key and time is in every file of `spec.materialized`, as it is declared.",
)
SCHEMA_DIFFERS: Final = _reason(
    "SchemaDiffers",
    "FeatureSetPin `SchemaMatches`, `Ready`, `Stalled`; Event",
    "The files of `spec.materialized` differ from the definitions; `status.materialized` names"
    " feature, declared, found, file and count. Experiments do not start with the pin.",
    "Build the values again, or correct the definitions, and create a new pin that `supersedes`"
    " this one.",
)
CHECKING_SCHEMA: Final = _reason(
    "CheckingSchema",
    "FeatureSetPin `SchemaMatches`, `Ready`, `Reconciling`",
    "The files of `spec.materialized` are being compared with the definitions; `status.progress`"
    " says how far it is.",
    _WAIT,
)
SCHEMA_NOT_CHECKED: Final = _reason(
    "SchemaNotChecked",
    "FeatureSetPin `SchemaMatches`, `Ready`, `Reconciling`, `Stalled`",
    "It is not known whether the values are as they are defined: the store does not answer, the"
    " DatasetPin is missing, or the comparison cannot be made here. That is not a difference.",
    "The message says what prevents the comparison. With `Reconciling` it is tried again; with"
    " `Stalled` create a new pin with other values.",
)
