"""The words by which a pin says what its data are, and by which a profile says what it allows."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from glovebox.api.schema import taught

# Licence identifiers, joined by operators. That parentheses are closed, and that each identifier is
# on SPDX's list, is checked by the operator.
_LICENSE: Final = (
    r"^\(*[A-Za-z0-9][A-Za-z0-9.-]*\+?( WITH [A-Za-z0-9][A-Za-z0-9.-]*)?\)*"
    r"( (AND|OR) \(*[A-Za-z0-9][A-Za-z0-9.-]*\+?( WITH [A-Za-z0-9][A-Za-z0-9.-]*)?\)*)*$"
)
_LICENSE_ID: Final = r"^[A-Za-z0-9][A-Za-z0-9.-]*\+?( WITH [A-Za-z0-9][A-Za-z0-9.-]*)?$"
# No user and no query: both can hold a secret, and a pin is shown to everybody who may read it.
_URI: Final = r"^[a-z][a-z0-9+.-]*:(//[A-Za-z0-9._~:\[\]-]+(/[!->@-~]*)?|[A-Za-z0-9][!->@-~]*)$"

Classification = Literal["Public", "Internal", "Confidential", "Restricted"]
Environment = Literal["Development", "Staging", "Production"]
Origin = Literal["Collected", "Derived", "Synthetic", "Augmented"]
PersonalData = Literal["Absent", "Anonymised", "Pseudonymised", "Identifiable"]
ProvenanceLevel = Literal["None", "Basic", "Full"]
# From little to much.
PROVENANCE_LEVELS: Final[tuple[ProvenanceLevel, ...]] = ("None", "Basic", "Full")

LicenseExpression = Annotated[
    str,
    Field(max_length=256),
    taught(
        _LICENSE,
        "must be an SPDX licence expression, such as 'CC-BY-4.0' or 'MIT OR Apache-2.0'; for terms"
        " that SPDX does not list write 'LicenseRef-' and a name of your own",
    ),
]
LicenseId = Annotated[
    str,
    Field(max_length=128),
    taught(
        _LICENSE_ID,
        "must be one SPDX licence identifier, such as 'CC-BY-4.0', without AND, OR and"
        " parentheses; for terms that SPDX does not list 'LicenseRef-' and a name of your own",
    ),
]
Region = Annotated[
    str,
    Field(max_length=63),
    taught(
        r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$",
        "must be the name of a region: lower-case letters, digits and dashes, such as"
        " 'eu-central-1'",
    ),
]
SourceUri = Annotated[
    str,
    Field(max_length=1024),
    taught(
        _URI,
        "must be a URI, such as 'https://data.example/flights' or 'doi:10.5281/zenodo.1', without"
        " user and query: both can hold a secret, and everybody who may read the pin reads them",
    ),
]
