"""Secrets of a run, by reference: what a profile offers, and what a stage is given of it.

Neither holds a secret. Both name one that lies in a namespace of the platform's, or of the team's.
"""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import ConfigDict, Field

from glovebox.api.base import Model
from glovebox.api.run_config import RESERVED_VARIABLE, VARIABLE
from glovebox.api.scalars import DNS_LABEL, DnsLabel, ObjectName
from glovebox.api.schema import (
    FORBIDDEN,
    REQUIRED,
    Checked,
    list_map,
    list_set,
    rule,
    rules,
    taught,
)

# In the namespace of an offered Secret: the namespace of the Experiment.
TEAM_PLACEHOLDER: Final = "$(team)"
# In the place of a team: every one of them.
ALL_TEAMS: Final = "*"
MAX_OFFERED: Final = 32
MAX_GIVEN: Final = 16
_PART: Final = r"([a-z0-9]|\$\(team\))"
_SOURCE_NAMESPACE: Final = rf"^{_PART}(([-a-z0-9]|\$\(team\))*{_PART})?$"
_NO_RESERVED: Final = Checked[str](
    lambda name: re.search(RESERVED_VARIABLE, name) is None,
    f"!self.matches(r'{RESERVED_VARIABLE}')",
    "must not be a variable that Glovebox sets itself: names that begin with `GLOVEBOX_` or `AWS_`,"
    " and the variables of proxies. Leave `env` out, and have the program read the file",
)


class OfferedSecret(Model):
    """A Secret that stages of a run may ask for, by name."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "self.__namespace__.contains('$(team)') || (has(self.teams) && size(self.teams) >"
                " 0)",
                "must say who may ask for it: the namespaces of teams, or '*' for all of them;"
                " where `namespace` holds `$(team)`, each team has its own",
                field_path=".teams",
                reason=REQUIRED,
            ),
            rule(
                "!(self.__namespace__.startsWith('gbx-') || self.__namespace__.startsWith('kube-')"
                " || self.__namespace__.startsWith('openshift-'))",
                "must not be a namespace of an experiment or of the cluster's own: keep what runs"
                " are given in a namespace that holds nothing else",
                field_path=".namespace",
                reason=FORBIDDEN,
            ),
        )
    )

    name: DnsLabel = Field(description="Name by which a stage asks for it (`stages[].secrets`).")
    namespace: Annotated[
        str,
        Field(max_length=63),
        taught(
            _SOURCE_NAMESPACE,
            "must be the name of a namespace; `$(team)` in it stands for the one of the Experiment",
        ),
    ] = Field(
        description=(
            "Namespace of the Secret; `$(team)` in it is replaced by the namespace of the"
            " Experiment. The operator needs the right to read it there (`operator.secretSources`"
            " of the chart). Never the operator's own, nor one of the cluster's."
        )
    )
    secret_name: ObjectName = Field(description="Name of the Secret there.")
    teams: tuple[
        Annotated[
            str,
            Field(max_length=63),
            taught(rf"^(\*|{DNS_LABEL[1:-1]})$", "must be the name of a namespace, or '*' for all"),
        ],
        ...,
    ] = Field(
        default=(),
        max_length=256,
        json_schema_extra=list_set(),
        description=(
            "Namespaces whose Experiments may ask for it; `*` stands for all. Whoever may declare"
            " an Experiment there can read it: their program is given it. When empty: all, where"
            " `namespace` holds `$(team)`; else it has to be said."
        ),
    )

    def is_for(self, team: str) -> bool:
        """Whether Experiments of that namespace may ask for it."""
        if not self.teams:
            return TEAM_PLACEHOLDER in self.namespace
        return ALL_TEAMS in self.teams or team in self.teams

    def place(self, team: str) -> tuple[str, str]:
        """Return namespace and name of the Secret, for an Experiment of that namespace."""
        return self.namespace.replace(TEAM_PLACEHOLDER, team), self.secret_name


class StageSecret(Model):
    """One key of a Secret, as the program of a stage finds it."""

    name: DnsLabel = Field(
        description="Name that the profile gives to the Secret (`spec.secrets` there)."
    )
    key: Annotated[
        str,
        Field(max_length=180),
        taught(
            r"^[-._a-zA-Z0-9]*[-_a-zA-Z0-9][-._a-zA-Z0-9]*$",
            "must be a key of a Secret: letters, digits, `-`, `_` and `.`, such as 'token' or"
            " 'key.json'",
        ),
    ] = Field(description="Key of the Secret whose value is given.")
    env: (
        Annotated[
            str,
            Field(max_length=256),
            taught(
                f"^{VARIABLE}$",
                "must be the name of an environment variable: letters, digits and `_`, not"
                " beginning with a digit",
            ),
            _NO_RESERVED,
        ]
        | None
    ) = Field(
        default=None,
        description=(
            "Environment variable that holds the value. When absent: it is the file"
            " `$GLOVEBOX_SECRETS/<name>/<key>`."
        ),
    )


def _no_variable_twice(given: tuple[StageSecret, ...]) -> bool:
    variables = [each.env for each in given if each.env is not None]
    return len(variables) == len(set(variables))


StageSecrets = Annotated[
    tuple[StageSecret, ...],
    Field(max_length=MAX_GIVEN, json_schema_extra=list_map("name", "key")),
    Checked[tuple[StageSecret, ...]](
        _no_variable_twice,
        "self.all(s, !has(s.env) || self.exists_one(t, has(t.env) && t.env == s.env))",
        "must name each environment variable once",
    ),
]
