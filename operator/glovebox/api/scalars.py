"""Types that many fields share, with their bounds, patterns and messages that name the cure."""

from __future__ import annotations

import ipaddress
import re
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import AwareDatetime, BeforeValidator, Field

from glovebox.api.schema import INT_OR_STRING, Checked, taught

DNS_LABEL: Final = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
DNS_SUBDOMAIN: Final = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
SHA256: Final = r"^sha256:[0-9a-f]{64}$"
BUCKET: Final = r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"
REPOSITORY: Final = (
    r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$"
)
IMAGE_BY_DIGEST: Final = (
    r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?"
    r"(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)+@sha256:[0-9a-f]{64}$"
)
URL: Final = (
    r"^https?://([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(:[0-9]{1,5})?/?$"
)
PROXY_URL: Final = (
    r"^http://([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\]):[0-9]{1,5}/?$"
)
# An address of IPv6 too, without brackets.
HOST: Final = (
    r"^(\.?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9A-Fa-f]{0,4}(:[0-9A-Fa-f]{0,4}){2,7})$"
)
# A name, or the ARN of a key; an alias is neither.
KMS_KEY_ID: Final = r"^(arn:[a-z0-9-]+:kms:[a-z0-9-]+:[0-9]+:key/)?[A-Za-z0-9][A-Za-z0-9._-]*$"
ROLE_ARN: Final = r"^arn:[a-z0-9-]+:iam:[a-z0-9-]*:([0-9]*:)?role/[A-Za-z0-9+=,.@_/-]+$"
PREFIX: Final = r"^(|[^/].*/)$"
QUANTITY: Final = r"^[0-9]+(\.[0-9]*)?([eE][0-9]+|[numkMGTPE]|[KMGTPE]i)?$"
MAX_LABEL_KEY: Final = 317
MAX_LABEL_VALUE: Final = 63
LABEL_VALUE: Final = r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$"
LABEL_KEY: Final = (
    r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
)
EXTENDED_RESOURCE: Final = (
    r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
)
# Names of ResourceQuota: compute and storage requests and limits, extended resources, object
# counts.
QUOTA_RESOURCE: Final = (
    r"^((requests|limits)\.(cpu|memory|ephemeral-storage)|requests\.storage|requests\.[a-z0-9.-]+/[A-Za-z0-9._-]+"
    r"|pods|services|secrets|configmaps|persistentvolumeclaims|count/[a-z0-9.-]+)$"
)

IMAGE_MESSAGE: Final = (
    "must be an image pinned by digest, such as 'registry.example/team/trainer@sha256:<64 hex"
    " digits>'; a tag can be moved to other content. Find the digest with 'docker buildx imagetools"
    " inspect IMAGE:TAG' or 'crane digest IMAGE:TAG' and leave the tag out"
)

FIRST_TIME: Final = "1000-01-01T00:00:00Z"
LAST_TIME: Final = "9999-12-31T23:59:59Z"

LINK_LOCAL: Final = tuple(ipaddress.ip_network(text) for text in ("169.254.0.0/16", "fe80::/10"))
CIDR_MESSAGE: Final = (
    "must be a network in CIDR form whose address has no bits set beyond the prefix, "
    "such as '203.0.113.0/24' or '203.0.113.7/32' for one host"
)
LINK_LOCAL_MESSAGE: Final = (
    "must not lie in the link-local ranges 169.254.0.0/16 and fe80::/10: cloud metadata services"
    " answer there with the credentials of the node. Name the network of the service that is really"
    " needed"
)
QUOTA_RESOURCE_MESSAGE: Final = (
    "a resource that a ResourceQuota counts, such as 'requests.cpu', 'limits.memory',"
    " 'requests.nvidia.com/gpu', 'requests.storage', 'pods' or 'count/jobs.batch'"
)
LABEL_KEY_MESSAGE: Final = (
    "the key of a label, such as 'pool' or 'node.kubernetes.io/instance-type'"
)
LABEL_VALUE_MESSAGE: Final = (
    "at most 63 letters, digits, dashes, dots and underscores, beginning and ending with a letter"
    " or a digit"
)
EXTENDED_RESOURCE_MESSAGE: Final = (
    "must be an extended resource with its domain, as nodes show it under `status.capacity`, such"
    " as 'nvidia.com/gpu' or 'nvidia.com/mig-1g.10gb'"
)
QUANTITY_MESSAGE: Final = (
    "must be a quantity that is not negative, such as '500m', '2', '4Gi' or '10G'"
)


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    if "/" not in text:
        return None
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        return None


def _is_cidr(text: str) -> bool:
    network = _network(text)
    # Kubernetes refuses IPv4 addresses written as IPv6: they would pass by rules for IPv4.
    return network is not None and not (
        network.version == 6 and network.network_address.ipv4_mapped  # noqa: PLR2004 - IPv6
    )


def _is_routable(text: str) -> bool:
    network = _network(text)
    if network is None:
        return True
    return not any(
        # The versions are equal, which the type checker cannot see.
        network.version == local.version and network.subnet_of(local)  # type: ignore[arg-type]
        for local in LINK_LOCAL
    )


def _is_host(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    # As Kubernetes writes it: one address has one spelling, IPv4 does not pass for IPv6, and the
    # interface of a node is none of a pod's.
    return str(address) == text and not (
        isinstance(address, ipaddress.IPv6Address) and (address.ipv4_mapped or address.scope_id)
    )


def _is_within_the_calendar(moment: datetime) -> bool:
    return datetime.fromisoformat(FIRST_TIME) <= moment <= datetime.fromisoformat(LAST_TIME)


def _is_quantity(text: str) -> bool:
    return re.fullmatch(QUANTITY, text) is not None


def _as_text(value: Any) -> Any:
    # For Python True is a number, for YAML and Kubernetes it is none.
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _is_amount(path: str) -> str:
    return f"(type({path}) == int || isQuantity({path}))"


def not_more(path: str, other: str) -> str:
    """Return CEL that says whether one quantity does not exceed another.

    It is true of what is no quantity, which is refused by a rule of its own. CEL makes no quantity
    of a number, and of a number that is made a text the API server cannot foresee the length, so
    that it refuses the whole CRD: numbers are added to nothing.
    """
    return (
        f"!{_is_amount(path)} || !{_is_amount(other)}"
        f" || {_amount(path)}.compareTo({_amount(other)}) <= 0"
    )


def not_less(path: str, least: str) -> str:
    """Return CEL that says whether a quantity is at least so much; as `not_more`."""
    return f"!{_is_amount(path)} || {_amount(path)}.compareTo(quantity('{least}')) >= 0"


def _amount(path: str) -> str:
    return f"(type({path}) == int ? quantity('0').add({path}) : quantity({path}))"


DnsLabel = Annotated[
    str,
    Field(max_length=63),
    taught(
        DNS_LABEL,
        "must be lower-case letters, digits and dashes, beginning and ending with a letter or a"
        " digit, such as 'train-2013'",
    ),
]
ObjectName = Annotated[
    str,
    Field(max_length=253),
    taught(
        DNS_SUBDOMAIN,
        "must be the name of an object: lower-case letters, digits, dashes and dots, such as"
        " 'flights-2013-train'",
    ),
]
Digest = Annotated[
    str,
    Field(max_length=71),
    taught(SHA256, "must be a SHA-256 digest: 'sha256:' and 64 lower-case hex digits"),
]
ImageReference = Annotated[str, Field(max_length=512), taught(IMAGE_BY_DIGEST, IMAGE_MESSAGE)]
ImageRepository = Annotated[
    str,
    Field(max_length=256),
    taught(
        REPOSITORY,
        "must be a registry or a repository without tag, digest and trailing slash, such as"
        " 'registry.example/team'",
    ),
]
# Where a program's source is: a URL that is recorded and shown, so nothing secret fits into it.
SourceRepository = Annotated[
    str,
    taught(
        r"^(https|ssh|git)://[A-Za-z0-9._~-]+(:[0-9]{1,5})?/[A-Za-z0-9._~/+%-]+$",
        "must be the URL of a repository by https, ssh or git without a user, a password or a"
        " query: it is recorded and shown (`https://git.example/team/trainer`)",
    ),
]
Bucket = Annotated[
    str,
    Field(max_length=63),
    taught(
        BUCKET,
        "must be a bucket name: 3 to 63 lower-case letters, digits, dots and dashes, without"
        " 's3://' and without a key",
    ),
]
ObjectKey = Annotated[str, Field(min_length=1, max_length=1024)]
VersionId = Annotated[
    str,
    Field(max_length=1024),
    Checked(
        lambda text: text not in {"", "null"},
        "self != '' && self != 'null'",
        "must be a real version id: 'null' is what a bucket without versioning reports, and its"
        " content can be overwritten. Enable versioning, write the object again, and use the"
        " version id that is returned",
    ),
]
KeyPrefix = Annotated[
    str,
    Field(max_length=1024),
    taught(
        PREFIX,
        "must be empty or end in '/' and not begin with it, so that 'run7/' never covers 'run70/';"
        " single objects are listed under `source.objects` of a DatasetPin",
    ),
]
EndpointUrl = Annotated[
    str,
    Field(max_length=512),
    taught(
        URL,
        "must be 'http://' or 'https://' with a host and at most a port, such as"
        " 'https://s3.example:8333'; no path, user or query",
    ),
]
RoleArn = Annotated[
    str,
    Field(max_length=2048),
    taught(
        ROLE_ARN,
        "must be the ARN of a role, such as 'arn:aws:iam::123456789012:role/glovebox-runs'",
    ),
]
ProxyUrl = Annotated[
    str,
    Field(max_length=512),
    taught(
        PROXY_URL,
        "must be 'http://' with a host and a port, such as 'http://proxy.example:3128'; no path,"
        " and no user or password, which every pod would be given",
    ),
]
Host = Annotated[
    str,
    Field(max_length=253),
    taught(
        HOST,
        "must be a host name, or an IP address, such as 'sts.example'; no port, no brackets, no"
        " pattern. It stands for the names below it as well",
    ),
]
KmsKeyId = Annotated[
    str,
    Field(max_length=256),
    taught(
        KMS_KEY_ID,
        "must be the ARN of a key, such as 'arn:aws:kms:eu-central-1:123456789012:key/1a2b', or"
        " elsewhere than on AWS its name; no alias, because rights are given for keys",
    ),
]
Cidr = Annotated[
    str,
    Field(max_length=49),
    Checked(_is_cidr, "isCIDR(self) && cidr(self) == cidr(self).masked()", CIDR_MESSAGE),
    Checked(
        _is_routable,
        "!isCIDR(self) || !"
        + " && !".join(f"cidr('{local}').containsCIDR(self)" for local in LINK_LOCAL),
        LINK_LOCAL_MESSAGE,
    ),
]
HostAddress = Annotated[
    str,
    Field(max_length=39),
    Checked(
        _is_host,
        "isIP(self) && ip.isCanonical(self)",
        "must be one IP address in its usual spelling, such as '169.254.20.10' or"
        " 'fd00:53::a': no name, no network",
    ),
]
# Text in Python, whichever way it was written: YAML takes `cpu: 1` for a number, and everybody
# writes it so.
Quantity = Annotated[
    str,
    Field(max_length=32, json_schema_extra={INT_OR_STRING: True}),
    BeforeValidator(_as_text),
    Checked(
        _is_quantity,
        "type(self) == int ? self >= 0 :"
        " isQuantity(self) && quantity(self).compareTo(quantity('0')) >= 0",
        QUANTITY_MESSAGE,
    ),
]
# What a container asks for in pieces: an accelerator, a MIG slice, whatever a device plugin or a
# DeviceClass offers.
ExtendedResource = Annotated[
    str,
    Field(max_length=128),
    taught(EXTENDED_RESOURCE, EXTENDED_RESOURCE_MESSAGE),
]
LabelKey = Annotated[
    str,
    Field(max_length=MAX_LABEL_KEY),
    taught(LABEL_KEY, f"must be {LABEL_KEY_MESSAGE}"),
]
LabelValue = Annotated[
    str,
    Field(max_length=MAX_LABEL_VALUE),
    taught(LABEL_VALUE, f"must be the value of a label: {LABEL_VALUE_MESSAGE}"),
]
QuotaResource = Annotated[
    str, Field(max_length=128), taught(QUOTA_RESOURCE, f"must be {QUOTA_RESOURCE_MESSAGE}")
]
Port = Annotated[int, Field(ge=1, le=65535, json_schema_extra={"format": "int32"})]
Time = AwareDatetime
# A moment that somebody declares. At the ends of the calendar there is none a day earlier, and in
# UTC some are in no year at all.
DeclaredTime = Annotated[
    Time,
    Checked(
        _is_within_the_calendar,
        f"self >= timestamp('{FIRST_TIME}') && self <= timestamp('{LAST_TIME}')",
        "must be a time from the year 1000 to the year 9999, in UTC",
    ),
]
Protocol = Literal["TCP", "UDP", "SCTP"]
RetentionMode = Literal["Compliance", "Governance"]
Days = Annotated[int, Field(ge=1, le=36500, json_schema_extra={"format": "int32"})]
Text = Annotated[str, Field(max_length=4096)]
Word = Annotated[str, Field(max_length=256)]
