"""Who attacks, and where.

Everybody is played by impersonation, so that the API server judges them and nobody else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from support.api import Api
from support.rights import Who

TEAM: Final = "flights"
OTHER_TEAM: Final = "ships"
# Its profile lets people enter pods of their own.
ENTERING_TEAM: Final = "trains"
RUNNER_ACCOUNT: Final = "glovebox-runner"


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who sends requests.

    An empty user is the administrator of the cluster, without impersonation.
    """

    user: str
    group: str = ""

    def of(self, api: Api) -> Api:
        """Return the API server as this actor sees it."""
        return api.acting_as(self.user, self.group) if self.user else api

    def who(self) -> Who:
        """Return them with all groups that the server gives them."""
        if self.user == ANONYMOUS.user:
            return Who(self.user, ("system:unauthenticated",))
        own = (self.group,) if self.group else ()
        if self.user.startswith("system:serviceaccount:"):
            namespace = self.user.split(":")[2]
            own = (*own, "system:serviceaccounts", f"system:serviceaccounts:{namespace}")
        return Who(self.user, (*own, "system:authenticated"))


TENANT = Actor("tess", f"glovebox:team:{TEAM}")
OTHER_TENANT = Actor("otto", f"glovebox:team:{OTHER_TEAM}")
ENTERING_TENANT = Actor("ines", f"glovebox:team:{ENTERING_TEAM}")
NAMESPACE_ADMIN = Actor("nadia")
EXPERIMENTER = Actor("erin")
OPERATOR = Actor("glovebox-operator")
NOBODY = Actor("nobody")
ANONYMOUS = Actor("system:anonymous")
CLUSTER_ADMIN = Actor("")
BREAK_GLASS = Actor("gus", "glovebox:break-glass")

SCHEDULER = Actor("system:kube-scheduler")


def account(namespace: str, name: str = RUNNER_ACCOUNT) -> Actor:
    """Return a ServiceAccount."""
    return Actor(f"system:serviceaccount:{namespace}:{name}")


@dataclass(frozen=True, slots=True)
class Identity:
    """A kind of user whose rights are written down in `allowed/<name>.yaml`."""

    name: str
    meaning: str


IDENTITIES: Final = (
    Identity(
        "authenticated",
        "anybody who shows a certificate or a token, and nothing else; the other files leave these"
        " rights out",
    ),
    Identity("anonymous", "nobody at all"),
    Identity(
        "tenant",
        "a member of the team, bound by the operator in the namespace of the team's experiment",
    ),
    Identity(
        "entering-tenant",
        "a member of a team whose experiment has no run, and a profile with `podEntry: Allowed`",
    ),
    Identity("runner", "the ServiceAccount that the pods of the experiment run as"),
    Identity("other-tenant", "a member of another team, which has an experiment of its own"),
    Identity("namespace-admin", "bound to ClusterRole admin in the team's namespace"),
    Identity("experimenter", "bound to ClusterRole glovebox-experimenter in the team's namespace"),
    Identity("operator", "the operator itself; what RBAC cannot say of it, its fence says"),
)
