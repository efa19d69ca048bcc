"""Every environment variable of the operator, typed, with the reason for its default."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, Json, field_validator, model_validator
from pydantic.alias_generators import to_camel

PREFIX = "GLOVEBOX_"
RUN_PLACE = "{run}"


class TaskPod(BaseModel):
    """What the pods of tasks share with the operator's own, as the chart gives it.

    The fields are those of a Kubernetes pod; a fence of the chart holds `env` to what was given.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)

    env: tuple[dict[str, Any], ...] = Field(
        default=(), description="Further environment variables: a CA bundle, a proxy."
    )
    image_pull_secrets: tuple[dict[str, Any], ...] = Field(
        default=(), description="Secrets that open the registry."
    )
    node_selector: dict[str, str] = Field(
        default={}, description="Labels of the nodes that may run them."
    )
    tolerations: tuple[dict[str, Any], ...] = Field(
        default=(), description="Taints of nodes that they tolerate."
    )


class LineageDestination(BaseModel):
    """Where events of lineage are delivered to."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)

    name: str = Field(
        pattern=r"^[a-z0-9]([-a-z0-9]{0,29}[a-z0-9])?$",
        description="What metrics and notes call it; another name is another destination.",
    )
    url: str = Field(
        pattern=r"^https?://[^/@?#\s]+[^@#\s]*$",
        max_length=1024,
        description="What events are posted to, whole.",
    )
    read_url: str = Field(
        default="",
        pattern=r"^(https?://[^/@?#\s]+[^@#\s]*)?$",
        max_length=1024,
        description=(
            "What is asked once an hour at most whether a run arrived that was delivered; `{run}`"
            " in it is the run's id. When empty: nothing is read back."
        ),
    )
    secret_name: str = Field(
        default="",
        max_length=253,
        description="Secret in the operator's namespace whose key `token` is sent as bearer token.",
    )
    ca_bundle: str = Field(
        default="", description="The authorities that alone are trusted for it, in PEM."
    )
    dialect: Literal["spec", "datahub", "marquez", "openmetadata"] = Field(
        default="spec", description="What is left out or renamed for a consumer."
    )
    max_bytes: int = Field(
        default=1 << 20, ge=1024, le=64 << 20, description="Larger events are not sent."
    )

    @model_validator(mode="after")
    def _require_tls_for_a_token(self) -> Self:
        urls = filter(None, (self.url, self.read_url))
        if self.secret_name and not all(each.startswith("https://") for each in urls):
            raise ValueError(
                f"destination `{self.name}` has a token, and its url is no https: a token is sent"
                " over TLS alone"
            )
        return self

    @field_validator("read_url")
    @classmethod
    def _require_place(cls, text: str) -> str:
        if text and RUN_PLACE not in text:
            raise ValueError(f"`readUrl` has no `{RUN_PLACE}`, where the id of a run goes")
        return text

    @field_validator("ca_bundle")
    @classmethod
    def _require_authorities(cls, text: str) -> str:
        if text:
            try:
                ssl.create_default_context(cadata=text)
            except (ssl.SSLError, ValueError):
                raise ValueError("`caBundle` holds no certificate in PEM") from None
        return text


class Lineage(BaseModel):
    """Whether the lineage of runs is written, and where it is delivered to."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)

    enabled: bool = Field(
        default=False,
        description="Write an event beside the evidence when a run starts and when it is sealed.",
    )
    namespace: str = Field(
        default="glovebox",
        pattern=r"^[A-Za-z0-9._:/-]{1,253}$",
        description=(
            "Namespace of jobs in events: distinguishes clusters that report to one consumer."
        ),
    )
    destinations: tuple[LineageDestination, ...] = Field(
        default=(), max_length=8, description="Where events are delivered to."
    )

    @model_validator(mode="after")
    def _require_unique_names(self) -> Self:
        names = [each.name for each in self.destinations]
        if len(set(names)) < len(names):
            raise ValueError(f"two lineage destinations have one name: {', '.join(sorted(names))}")
        if names and not self.enabled:
            raise ValueError("lineage has destinations, and is not enabled: nothing is delivered")
        return self


class Traces(BaseModel):
    """Whether traces are sent, and where to."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)

    endpoint: str = Field(
        default="",
        pattern=r"^(https?://[^/@?#\s]+[^@#\s]*)?$",
        max_length=1024,
        description=(
            "What spans are posted to, whole, such as `http://collector.monitoring:4318/v1/traces`;"
            " when empty: none are made."
        ),
    )
    ratio: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="Share of the reconciles and tasks that are traced. Experiments always are.",
    )


@lru_cache(maxsize=4)
def _networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())


class Settings(BaseModel):
    """What can be set from outside: each field is the environment variable `GLOVEBOX_<NAME>`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    namespace: str = Field(
        default="glovebox-system",
        description="The operator's own namespace: store credentials are read here.",
    )
    http_host: str = Field(
        default="0.0.0.0",  # noqa: S104 - a pod, probed by the node
        description="Address for /metrics, /healthz and /readyz; probes come from the node.",
    )
    http_port: int = Field(
        default=8080,
        ge=0,
        le=65535,
        description="Port for /metrics, /healthz and /readyz; 0 takes a free one.",
    )
    image: str = Field(
        default="",
        pattern=r"^([^@ ]+@sha256:[0-9a-f]{64})?$",
        description=(
            "The Glovebox image by digest, that fetches the inputs of runs. Empty: runs with inputs"
            " are refused."
        ),
    )
    builder_id: str = Field(
        default="",
        max_length=2048,
        pattern=r"^([a-z][a-z0-9+.-]*:[!-~]+)?$",
        description=(
            "`builder.id` of the seals of this installation, a URI of yours: what `glovebox verify"
            " --builder` demands. Empty: `https://glovebox.dev/operator`."
        ),
    )
    workers: int = Field(
        default=16,
        ge=1,
        le=64,
        description="Experiments worked on at once; more only lengthens the API server's queue.",
    )
    data_workers: int = Field(
        default=2,
        ge=1,
        le=16,
        description="Pins and stores worked on at once; each may read bytes for minutes.",
    )
    tasks: Literal["InProcess", "Jobs"] = Field(
        default="InProcess",
        description=(
            "Where pins are hashed and checked and results are listed for their seals: in the"
            " operator's process, or each in a Job in the operator's namespace. Jobs need"
            " GLOVEBOX_IMAGE."
        ),
    )
    task_pod: Json[TaskPod] = Field(
        default=TaskPod(),
        description=(
            "What the pods of tasks take over from the operator's, as JSON: `env`,"
            " `imagePullSecrets`, `nodeSelector` and `tolerations`. The chart sets it."
        ),
    )
    lineage: Json[Lineage] = Field(
        default=Lineage(),
        description=(
            "Whether events of lineage are written, and where they are delivered to, as JSON:"
            " `enabled`, `namespace` and `destinations`. The chart sets it from its `lineage`."
        ),
    )
    traces: Json[Traces] = Field(
        default=Traces(),
        description=(
            "Where traces are sent to by OpenTelemetry's protocol, as JSON: `endpoint` and `ratio`."
            " The chart sets it from its `traces`."
        ),
    )
    experiment_series: int = Field(
        default=0,
        ge=0,
        le=1000,
        description=(
            "How many Experiments have metrics of their own, some 40 series each: those that are"
            " not sealed first, of them the newest. 0: none, since whoever reads /metrics then"
            " reads names of Experiments, pins and contents of all teams."
        ),
    )
    store_threads: int = Field(
        default=16, ge=1, le=64, description="Threads for blocking S3 and STS calls."
    )
    resync_seconds: float = Field(
        default=600.0, ge=5, description="How often everything is listed and compared again."
    )
    grace_seconds: float = Field(
        default=300.0,
        ge=0,
        description=(
            "How long an error that may pass by itself changes no condition of what exists."
        ),
    )
    grace_attempts: int = Field(
        default=3,
        ge=1,
        le=100,
        description="How often in a row it has to fail as well, before a condition says so.",
    )
    relist_seconds: float = Field(
        default=3600.0,
        ge=5,
        description=(
            "How often what is watched is listed all the same: the bound of a gap that nobody"
            " noticed."
        ),
    )
    hold_window_days: int = Field(
        default=30,
        ge=1,
        le=3650,
        description=(
            "Days for which the manifest of a pin, and the versions that a pin with `hold` has,"
            " stay under a legal hold after the last user is gone."
        ),
    )
    never_reachable: str = Field(
        default="",
        description=(
            "Networks that no experiment reaches, beside the metadata services that are known, in"
            " CIDR form with commas between them."
        ),
    )
    leader_election: bool = Field(
        default=False,
        description=(
            "Whether a replica works only while it holds the Lease `glovebox-operator`. The chart"
            " turns it on; an operator that runs alone on a machine does without."
        ),
    )
    lease_seconds: int = Field(
        default=15,
        ge=3,
        le=60,
        description=(
            "How long a replica that was lost with its node is waited for. It is renewed each"
            " 2/15 of that, and an API server that does not answer for 2/3 of it ends the replica"
            " that leads, with all tasks in it."
        ),
    )
    identity: str = Field(
        default="",
        description=(
            "Distinguishes replicas in the Lease: the pod's name. Empty: one made at random."
        ),
    )
    log_level: str = Field(
        default="INFO",
        pattern="^(DEBUG|INFO|WARNING|ERROR)$",
        description="The least level that is logged.",
    )

    @model_validator(mode="after")
    def _require_image(self) -> Self:
        if self.tasks == "Jobs" and not self.image:
            raise ValueError(
                "GLOVEBOX_TASKS is Jobs, and GLOVEBOX_IMAGE is empty: set it to the Glovebox image"
                " by digest (the chart's `operator.image.digest`), or GLOVEBOX_TASKS to InProcess"
            )
        return self

    @property
    def networks_never_reachable(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """What `never_reachable` lists."""
        return _networks(self.never_reachable)

    @field_validator("never_reachable")
    @classmethod
    def _require_networks(cls, text: str) -> str:
        try:
            _networks(text)
        except ValueError as error:
            raise ValueError(
                f"GLOVEBOX_NEVER_REACHABLE lists what is no network: {error}; write them like"
                " 192.0.2.0/24, with commas between them"
            ) from None
        return text

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Read the settings.

        Raises:
            pydantic.ValidationError: A variable holds what its field does not allow; names the
            field.
        """
        values = {
            name: environment[PREFIX + name.upper()]
            for name in cls.model_fields
            if PREFIX + name.upper() in environment
        }
        return cls.model_validate(values)
