"""What the pod that fills a cache does, on volumes that are dictionaries.

A claim gets its volume when its first pod begins, as of a class that waits for its consumer. The
pod begins when plan and credentials are there, and reads with these alone what the plan names. It
proves the manifest and no more: the real fetcher has tests of its own.
"""

from __future__ import annotations

import asyncio
import base64
import configparser
from typing import Any, Final

from glovebox.data.delivery import (
    CREDENTIALS_SUFFIX,
    EXIT_DIFFERS,
    DeliveryPlan,
    failure_message,
    parse_plan,
)
from glovebox.desired.delivery import PLAN_FILE
from glovebox.errors import GloveboxError, Unavailable
from glovebox.kube.kinds import (
    CONFIG_MAP,
    PERSISTENT_VOLUME,
    PERSISTENT_VOLUME_CLAIM,
    SECRET,
    Kind,
)
from glovebox.store.connection import Credentials, Stop, StoreSettings
from glovebox.store.manifests import ManifestLocation, fetch_manifest, object_chunks
from simulation.api_server import ApiServer, Asked
from simulation.object_store import ObjectStoreServer
from simulation.object_store_faces import SimStore

Json = dict[str, Any]
_UNREACHABLE: Final = 75
_SIGKILL: Final = 137
_BINDER: Final = "volume-binder"


class CachePods:
    """Plays the pods that fill caches, and the volumes that these are in.

    Args:
        server: Where claims, plans and credentials are.
        store: Where the data are.
    """

    def __init__(self, server: ApiServer, store: ObjectStoreServer) -> None:
        self._server, self._store = server, store
        # The files of each volume, by the path that it has on its node.
        self.disks: dict[str, dict[str, bytes]] = {}
        # How many of the pods that begin are killed before they have done anything.
        self.killed = 0
        # How long the others take.
        self.seconds = 5.0

    async def __call__(self, pod: Json) -> tuple[int, str]:
        """Do what a pod does; return its exit code and its termination message."""
        sources = {each["name"]: each for each in pod["spec"]["volumes"]}
        namespace = pod["metadata"]["namespace"]
        plan = await self._mounted(CONFIG_MAP, namespace, sources["plan"]["configMap"]["name"])
        name = sources["credentials"]["secret"]["secretName"]
        await self._mounted(SECRET, namespace, name)
        claimed = sources["cache"]["persistentVolumeClaim"]["claimName"]
        claim = await self._mounted(PERSISTENT_VOLUME_CLAIM, namespace, claimed)
        if self.killed:
            self.killed -= 1
            return _SIGKILL, ""
        disk = self._bind(claim)
        await asyncio.sleep(self.seconds)
        # The kubelet keeps what is mounted as it is by now.
        secret = await self._mounted(SECRET, namespace, name)
        try:
            disk |= self._read(parse_plan(plan["data"][PLAN_FILE].encode()), secret)
        except GloveboxError as error:
            code = _UNREACHABLE if isinstance(error, Unavailable) else EXIT_DIFFERS
            return code, failure_message(error.reason, error.message).decode()
        return 0, ""

    async def _mounted(self, kind: Kind, namespace: str, name: str) -> Json:
        """Return what a pod mounts; it does not begin before that is there."""
        while (found := self._server.peek(kind, namespace, name)) is None:
            await self._server.changed(kind)
        return found

    def _bind(self, claim: Json) -> dict[str, bytes]:
        """Give a volume to a claim that has none; return its files."""
        metadata, spec = claim["metadata"], claim["spec"]
        volume = f"disk-{metadata['uid']}"
        path = f"/disks/{volume}"
        if path in self.disks:
            return self.disks[path]
        holder = {key: metadata[key] for key in ("namespace", "name", "uid")}
        made = {
            "metadata": {"name": volume, "labels": {}},
            "spec": {
                "accessModes": spec["accessModes"],
                "capacity": {"storage": "1Gi"},
                "claimRef": {"apiVersion": "v1", "kind": "PersistentVolumeClaim", **holder},
                "hostPath": {"path": path},
                "storageClassName": spec["storageClassName"],
            },
        }
        self._server.create(Asked(_BINDER, "create", PERSISTENT_VOLUME, "", volume), made)
        asked = Asked(
            _BINDER, "patch", PERSISTENT_VOLUME_CLAIM, metadata["namespace"], metadata["name"]
        )
        bound = {"spec": {"volumeName": volume}}
        self._server.patch(asked, bound, "application/merge-patch+json")
        return self.disks.setdefault(path, {})

    def _read(self, plan: DeliveryPlan, secret: Json) -> dict[str, bytes]:
        stop, files, stores = Stop(), {}, {each.name: each for each in plan.stores}
        for dataset in plan.datasets:
            where = stores[dataset.store]
            text = base64.b64decode(secret["data"][f"{where.name}{CREDENTIALS_SUFFIX}"]).decode()
            settings = StoreSettings(where.endpoint, where.region, where.path_style, _keys(text))
            store = SimStore(settings, self._store)
            manifest = ManifestLocation(**dataset.manifest.model_dump(), bytes=0)
            for entry in fetch_manifest(store, manifest, stop):
                chunks = object_chunks(store, entry.bucket, entry.key, entry.version_id, stop)
                files[entry.path] = b"".join(chunks)
        return files


def _keys(text: str) -> Credentials:
    parser = configparser.RawConfigParser()
    parser.read_string(text)
    found = parser["default"]
    return Credentials(
        found["aws_access_key_id"], found["aws_secret_access_key"], found["aws_session_token"]
    )
