"""The queue in which runs wait for their turn: named by the platform, never by a team."""

from __future__ import annotations

from pydantic import Field

from glovebox.api.base import Model
from glovebox.api.scalars import DnsLabel, ObjectName


class Queue(Model):
    """A ClusterQueue of Kueue, and how urgent runs are in it."""

    cluster_queue: ObjectName = Field(
        description=(
            "Name of the ClusterQueue, whose `namespaceSelector` must match the namespaces of"
            " experiments. Each experiment with stages gets a LocalQueue `glovebox` that leads to"
            " it."
        )
    )
    priority_class_name: DnsLabel | None = Field(
        default=None,
        description=(
            "WorkloadPriorityClass of Kueue, which has to exist: who goes first in the queue, and"
            " who is preempted. When absent: the PriorityClass of the run's pods decides."
        ),
    )
