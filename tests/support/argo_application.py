"""An Application of Argo CD, the repository that it syncs, and what it says of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from support.api import Api, path_of
from support.git_folder import GitFolder
from support.waiting import eventually

NAMESPACE = "argocd"
# As our page advises, but for the seconds.
SYNC_POLICY: Final[Mapping[str, Any]] = {
    "automated": {"prune": True, "selfHeal": True, "allowEmpty": True},
    "retry": {"limit": -1, "refresh": True, "backoff": {"duration": "2s", "factor": 1}},
}
_GROUP = "argoproj.io/v1alpha1"
_REFRESH = "argocd.argoproj.io/refresh"
_SECONDS = 150


class Application:
    """A Git repository of manifests, and the Application that syncs its newest commit."""

    def __init__(
        self, api: Api, name: str, git: GitFolder, url: str, spec: Mapping[str, Any]
    ) -> None:
        self.api = api
        self.name = name
        self.revision = ""
        self._git = git
        self._url = url
        self._spec = spec

    @property
    def path(self) -> str:
        """Of the Application."""
        return path_of(_GROUP, "applications", namespace=NAMESPACE, name=self.name)

    def commit(self, *objects: Mapping[str, Any]) -> None:
        """Make these all that the repository has, and have Argo CD look."""
        self.revision = self._git.commit(*objects)
        if self.api.find(self.path) is None:
            self._create()
        else:
            self.refresh()

    def read(self) -> dict[str, Any]:
        """Return the Application."""
        return self.api.get(self.path)

    def status(self) -> dict[str, Any]:
        """Return its status, empty where it has none."""
        return self.read().get("status") or {}

    def annotate(self, **annotations: str) -> None:
        """Annotate the Application; keys are below `argocd.argoproj.io/`, with `_` for `-`."""
        keys = {
            f"argocd.argoproj.io/{key.replace('_', '-')}": value
            for key, value in annotations.items()
        }
        self.api.patch(self.path, {"metadata": {"annotations": keys}})

    def refresh(self) -> None:
        """Have Argo CD compare Git and the cluster anew, and wait until it has begun."""
        self.annotate(refresh="normal")

        def look() -> bool:
            return _REFRESH not in (self.read()["metadata"].get("annotations") or {})

        eventually(look, what=f"Argo CD has looked at {self.name}", timeout=_SECONDS)

    def change(self, **spec: Any) -> None:
        """Change the Application's spec."""
        self.api.patch(self.path, {"spec": spec})

    def sync(self, *options: str, prune: bool = False, force: bool = False) -> None:
        """Have the newest commit synced now, by hand, with these options."""
        sync: dict[str, Any] = {"revision": self.revision, "prune": prune}
        sync |= {"syncOptions": list(options)} if options else {}
        sync |= {"syncStrategy": {"apply": {"force": True}}} if force else {}
        operation = {"initiatedBy": {"username": "tests"}, "sync": sync}
        self.api.patch(self.path, {"operation": operation})

    def terminate(self) -> None:
        """Have the sync that is running end as it is."""
        self.api.patch(self.path, {"status": {"operationState": {"phase": "Terminating"}}})

    def expect(
        self, health: str | None = None, sync: str = "Synced", *, timeout: float = _SECONDS
    ) -> dict[str, Any]:
        """Wait until the newest commit is compared so, with this health; return the status."""

        def look() -> dict[str, Any]:
            found = self.status()
            compared = found.get("sync") or {}
            assert compared.get("revision") == self.revision, found
            assert compared.get("status") == sync, found
            assert health in {None, (found.get("health") or {}).get("status")}, found
            return found

        return eventually(look, what=f"{self.name} is {sync} and {health}", timeout=timeout)

    def expect_operation(self, phase: str, *words: str, timeout: float = _SECONDS) -> str:
        """Wait until the newest commit's sync is in a phase, and says these words.

        Return what it says, of itself and of each object.
        """

        def look() -> str:
            state = self.status().get("operationState") or {}
            result = state.get("syncResult") or {}
            assert result.get("revision") == self.revision, state
            assert state.get("phase") == phase, state
            each = (entry.get("message", "") for entry in result.get("resources") or ())
            said = "\n".join((state.get("message", ""), *each))
            assert all(word in said for word in words), said
            return said

        return eventually(look, what=f"the sync of {self.name} is {phase}", timeout=timeout)

    def healths(self) -> dict[str, tuple[str, str]]:
        """Return health and message of each object, by name."""
        found = {}
        for entry in self.status().get("resources") or ():
            health = entry.get("health") or {}
            found[entry["name"]] = health.get("status", ""), health.get("message", "")
        return found

    def expect_healths(self, **expected: str) -> dict[str, str]:
        """Wait until these objects have this health; return what is said of each."""

        def look() -> dict[str, str]:
            found = self.healths()
            assert {name: found.get(name, ("",))[0] for name in expected} == expected, found
            return {name: found[name][1] for name in expected}

        return eventually(look, what=f"health in {self.name}", timeout=_SECONDS)

    def expect_condition(self, condition: str, *words: str) -> None:
        """Wait until the Application has a condition that says these words."""

        def look() -> bool:
            found = self.status().get("conditions") or ()
            said = next((each["message"] for each in found if each["type"] == condition), "")
            assert said, found
            assert all(word in said for word in words), said
            return True

        eventually(look, what=f"{self.name} says {condition}", timeout=_SECONDS)

    def expect_healed(self, look: Callable[[], bool]) -> None:
        """Wait until Argo CD has put right what somebody edited."""
        eventually(lambda: look() or None, what=f"{self.name} heals itself", timeout=_SECONDS)

    def approve(self) -> None:
        """Confirm deletions that wait for somebody to, as the page of the Application does."""
        self.annotate(deletion_approved=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))

    def expect_gone(self) -> None:
        """Wait until the Application is gone."""
        eventually(
            lambda: self.api.find(self.path) is None or None,
            what=f"Application {self.name} is gone",
            timeout=_SECONDS,
        )

    def delete(self) -> None:
        """Delete the Application and, as its finalizer says, what it synced."""
        self.api.delete(self.path)

    def _create(self) -> None:
        # A team's project, as our page has it: one namespace, and nothing that has none.
        metadata = {"name": self.name, "namespace": NAMESPACE}
        destination = {"server": "https://kubernetes.default.svc", "namespace": self.name}
        project = {"sourceRepos": [self._url], "destinations": [destination]}
        self.api.create(
            path_of(_GROUP, "appprojects", namespace=NAMESPACE),
            {"apiVersion": _GROUP, "kind": "AppProject", "metadata": metadata, "spec": project},
        )
        spec = {
            "project": self.name,
            "source": {"repoURL": self._url, "path": ".", "targetRevision": "main"},
            "destination": destination,
            "syncPolicy": SYNC_POLICY,
            **self._spec,
        }
        finalizers = ["resources-finalizer.argocd.argoproj.io"]
        self.api.create(
            self.path.rpartition("/")[0],
            {
                "apiVersion": _GROUP,
                "kind": "Application",
                "metadata": {**metadata, "finalizers": finalizers},
                "spec": spec,
            },
        )
