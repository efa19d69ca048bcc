"""The commands read a file as kubectl does, wherever readers of YAML disagree."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from support.yaml_scalars import AS_KUBECTL

if TYPE_CHECKING:
    from support.cluster import Cluster


def test_kubectl_makes_of_plain_words_what_the_commands_make_of_them(crds: Cluster) -> None:
    data = "".join(f"  k{at}: {word}\n" for at, word in enumerate(AS_KUBECTL))

    answer = crds.kubectl(
        *("annotate", "--local", "-f", "-", "a=b", "-o", "json"),
        stdin=f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\ndata:\n{data}",
    )

    found = json.loads(answer.stdout)["data"]
    assert {word: found[f"k{at}"] for at, word in enumerate(AS_KUBECTL)} == AS_KUBECTL
