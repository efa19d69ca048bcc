"""What the operator saw of a run while it lived: pods, images, nodes, logs. Part of its seal.

It is recorded as soon as it is seen, because pods, nodes and logs may be gone when the seal is
made. What is empty here is not known, and the seal says so.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from glovebox.api.base import TolerantModel
from glovebox.api.scalars import Time
from glovebox.api.schema import list_map

# A run with more pods than this has lost its node again and again: `attempts` counts on.
MAX_PODS = 128
MAX_TENANT_PODS = 64
_NodeText = Annotated[str, Field(max_length=256)]


class KeptLog(TolerantModel):
    """The end of a container's log, as far as its kubelet had it, as it is kept in the store."""

    key: str = Field(
        default="", max_length=1024, description="Key in the bucket of artifacts; empty: not kept."
    )
    digest: str = Field(default="", max_length=71, description="SHA-256 of what is kept.")
    bytes: int = Field(
        default=0, ge=0, json_schema_extra={"format": "int64"}, description="Its size (bytes)."
    )
    truncated: bool = Field(
        default=False,
        description=(
            "Whether the container is known to have written more, of which this is the end. When"
            " false it is not known: a kubelet gives only what it has not rotated away."
        ),
    )
    final: bool = Field(
        default=False, description="Whether the container had ended when it was read."
    )
    redactions: int = Field(
        default=0,
        ge=0,
        json_schema_extra={"format": "int32"},
        description="How often something was replaced that is a secret, or has the shape of one.",
    )
    problem: str = Field(default="", max_length=512, description="Why it is not kept.")


class RunContainer(TolerantModel):
    """A container of a run's pod."""

    name: str = Field(max_length=63, description="Name of the container.")
    image: str = Field(default="", max_length=512, description="The image as it was declared.")
    image_id: str = Field(
        default="",
        max_length=512,
        description="The image that ran, as the node's runtime says; empty: not known.",
    )
    exit_code: int | None = Field(
        default=None, json_schema_extra={"format": "int32"}, description="How it ended."
    )
    log: KeptLog | None = Field(
        default=None, description="Its log; absent while the pod runs, or for what never started."
    )


class RunPod(TolerantModel):
    """One attempt at the run: a pod that its Job made."""

    name: str = Field(max_length=253, description="Name of the pod.")
    uid: str = Field(max_length=63, description="UID of the pod.")
    stage: str = Field(
        default="", max_length=63, description="The stage that it is of; empty where there is one."
    )
    node: str = Field(default="", max_length=253, description="The node that it was put on.")
    start_time: Time | None = Field(default=None, description="When its node took it.")
    completion_time: Time | None = Field(
        default=None, description="When the last of its containers had ended."
    )
    phase: Literal["Pending", "Running", "Succeeded", "Failed", "Unknown"] = Field(
        default="Unknown", description="How far it was when it was seen last."
    )
    reason: str = Field(default="", max_length=1024, description="Why it ended, in one word.")
    containers: tuple[RunContainer, ...] = Field(
        default=(),
        max_length=16,
        json_schema_extra=list_map("name"),
        description="Its containers, in the order in which they start.",
    )


class RunStage(TolerantModel):
    """How far a stage of a run of several is."""

    name: str = Field(max_length=63, description="Name of the stage.")
    phase: Literal["Pending", "Running", "Succeeded", "Failed", "Stopped"] = Field(
        default="Pending",
        description=(
            "How far it is. `Pending`: its Job is not made yet, or never was. `Stopped`: it was at"
            " work when the run was over."
        ),
    )
    start_time: Time | None = Field(default=None, description="When its Job was created.")
    completion_time: Time | None = Field(default=None, description="When it was over.")
    attempts: int = Field(
        default=0,
        ge=0,
        json_schema_extra={"format": "int32"},
        description="How many pods were started for it, those of all workers.",
    )
    exit_code: int | None = Field(
        default=None,
        json_schema_extra={"format": "int32"},
        description="Exit code of the failed container.",
    )
    message: str = Field(default="", max_length=1024, description="Why it failed.")


class RunNode(TolerantModel):
    """A node on which a pod of the run was, as it described itself then."""

    name: str = Field(max_length=253, description="Name of the node.")
    architecture: _NodeText = Field(default="", description="Architecture of its processors.")
    kernel_version: _NodeText = Field(default="", description="Its kernel.")
    os_image: _NodeText = Field(default="", description="Its operating system.")
    kubelet_version: _NodeText = Field(default="", description="Its kubelet.")
    container_runtime_version: _NodeText = Field(default="", description="Its container runtime.")
    problem: str = Field(default="", max_length=512, description="Why nothing is known of it.")


class TenantPod(TolerantModel):
    """A pod in the namespace that was not the run's."""

    name: str = Field(max_length=253, description="Name of the pod.")
    uid: str = Field(max_length=63, description="UID of the pod.")
    creation_time: Time | None = Field(
        default=None, description="When it was created, by the API server's clock."
    )


class TenantPods(TolerantModel):
    """Who else had pods in the namespace, as far as the operator saw."""

    pods: tuple[TenantPod, ...] = Field(
        default=(),
        max_length=MAX_TENANT_PODS,
        json_schema_extra=list_map("uid"),
        description="The pods that were seen, at most 64.",
    )
    truncated: bool = Field(default=False, description="Whether there were more.")
