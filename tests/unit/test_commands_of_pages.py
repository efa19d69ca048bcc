"""Commands that the pages show reach what they mean: the namespace is said, the names are ours."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from glovebox import names
from glovebox.api.kinds import KINDS

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm" / "glovebox"
PAGES = [
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted(ROOT.glob("*.md")),
    *sorted(CHART.glob("*.md")),
    CHART / "templates" / "NOTES.txt",
]
_BLOCK = re.compile(r"^ *```\w*\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`((?:kubectl|helm)\s[^`]+)`")
# With or without a prompt, on its own line or within `$(...)`; a line of a block that begins with
# something else is what a command printed.
_IN_BLOCK = re.compile(r"^ *(?:\$ )?(?:\w+=\$\()?((?:kubectl|helm) .*)$", re.MULTILINE)
_ENDS: Final = frozenset({"|", ">", ")", "&&", ";", "<<YAML", "#"})

_ACTS: Final = frozenset(
    {
        *("annotate", "create", "delete", "describe", "edit", "get", "label", "logs", "patch"),
        *("rollout", "run", "scale", "wait", "exec"),
    }
)
# Of Kubernetes' own kinds, those that a page may speak of and that have no namespace.
_WITHOUT_NAMESPACE: Final = frozenset(
    {
        *("namespace", "node", "pv", "persistentvolume", "crd", "csidriver", "storageclass"),
        *("validatingadmissionpolicy", "validatingadmissionpolicybinding"),
        *("clusterrole", "clusterrolebinding", "priorityclass"),
        *(
            word
            for kind in KINDS
            if not kind.namespaced
            for word in (kind.kind.lower(), *kind.short_names)
        ),
    }
)
# Objects of ours, by the kind that a command names them with.
_NAMES: Final = {
    "deployment": frozenset(
        re.findall(
            r"^kind: Deployment\nmetadata:\n  name: (\S+)$",
            (CHART / "templates" / "operator" / "deployment.yaml").read_text(),
            re.MULTILINE,
        )
    ),
    "job": frozenset({names.RUN_JOB, names.PROBE_JOB}),
    "lease": frozenset({names.LEADER_LEASE}),
    "configmap": frozenset(
        {
            *(names.SNAPSHOT_CONFIG_MAP, names.INPUTS_CONFIG_MAP, names.SIGNING_KEYS_CONFIG_MAP),
            "argocd-cm",
        }
    ),
}
_NAMESPACE = re.compile(
    rf"glovebox-system|argocd|team-[a-z]+|TEAM|NS|\$\w+|{names.EXPERIMENT_NAMESPACE_PREFIX}[a-z-]+"
)


class Command(NamedTuple):
    """One command of a page, without what it is piped into."""

    page: str
    words: tuple[str, ...]


def commands(page: str, text: str) -> Iterator[Command]:
    """Yield the commands of a page, from its blocks and from within its sentences."""
    blocks = list(_BLOCK.findall(text))
    if page.endswith(".txt"):
        blocks.append(text)
    found = [line for block in blocks for line in _IN_BLOCK.findall(re.sub(r"\\\n\s*", " ", block))]
    for line in (*found, *_INLINE.findall(_BLOCK.sub("", text))):
        words = re.sub(r"\{\{.*?\}\}", "TEAM", line).replace("$(", "(").split(" #")[0]
        split = shlex.split(words.rstrip(")")) if words.count("'") % 2 == 0 else words.split()
        until = next((at for at, word in enumerate(split) if word in _ENDS), len(split))
        yield Command(page, tuple(split[:until]))


def wrong(command: Command) -> str:
    """Return what is wrong with a command, or an empty text."""
    program, *rest = command.words
    options = [word for word in rest if word.startswith("-")]
    value = _namespace_of(rest)
    if value is not None and not _NAMESPACE.fullmatch(value):
        return f"the namespace {value} is none that the pages speak of"
    is_said = value is not None or {"-A", "--all-namespaces"} & set(options)
    words = list(_positional(rest))
    if program == "helm":
        acts = words[:1] in (["install"], ["upgrade"], ["uninstall"], ["rollback"])
        return "" if not acts or len(words) == 1 or is_said else "no namespace is said"
    if len(rest) < 2 or not words or words[0] not in _ACTS:
        return ""  # a command that a sentence speaks of by its name
    verb, *objects = words
    if verb == "rollout":
        objects = objects[1:]
    if verb in {"run", "logs", "exec"}:
        kinds = {"pod"}
    else:
        kinds = {_singular(each) for each in (objects or [""])[0].partition("/")[0].split(",")}
    kinds.discard("")
    if not kinds or "-f" in options or any(each.startswith("--filename") for each in options):
        return ""
    if not kinds <= _WITHOUT_NAMESPACE and not is_said:
        return "no namespace is said"
    return _wrong_name(objects)


def _wrong_name(objects: list[str]) -> str:
    kind, slash, name = (objects or [""])[0].partition("/")
    # A label or an annotation is no name.
    named = [name] if slash else [each for each in objects[1:] if "=" not in each]
    known = _NAMES.get(_singular(kind))
    unknown = [each for each in named if known is not None and each not in known]
    return f"there is no {kind} {unknown[0]}" if unknown and unknown[0] != "try" else ""


def _namespace_of(words: list[str]) -> str | None:
    for at, word in enumerate(words):
        if word in {"-n", "--namespace"} and at + 1 < len(words):
            return words[at + 1]
        if word.startswith("--namespace="):
            return word.partition("=")[2]
    return None


def _positional(words: list[str]) -> Iterator[str]:
    """Yield the words that are no options and no values of options."""
    takes_value = {"-n", "--namespace", "-o", "-l", "--selector", "-f", "-p", "--as", "--as-group"}
    skip = False
    for word in words:
        if skip or word.startswith("-"):
            skip = word in takes_value and not skip
            continue
        yield word


def _singular(kind: str) -> str:
    word = kind.partition(".")[0].lower()
    if word.endswith("ies"):
        return f"{word[:-3]}y"
    return word if word.endswith("ss") or not word.endswith("s") else word.removesuffix("s")


SHOWN = [
    command
    for page in PAGES
    for command in commands(str(page.relative_to(ROOT)), page.read_text(encoding="utf-8"))
]


def test_each_command_says_its_namespace_and_names_what_is_there() -> None:
    found = [
        f"{each.page}: {shlex.join(each.words)}: {why}" for each in SHOWN if (why := wrong(each))
    ]

    assert found == []
    assert len(SHOWN) > 80, "the commands of the pages are found"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("`kubectl scale deployment glovebox --replicas=0 -n glovebox-system`", "no deployment"),
        ("`kubectl scale deployment glovebox-operator --replicas=0`", "no namespace"),
        ("```console\n$ kubectl get experiment a -o yaml\nfine\n```", "no namespace"),
        ("```console\n$ U=$(kubectl get gexp a -o jsonpath='{.status}')\n```", "no namespace"),
        ("```console\n$ kubectl logs \\\n    job/glovebox-run\n```", "no namespace"),
        ("```console\n$ kubectl logs job/run -n $NAMESPACE\n```", "there is no job run"),
        ("`kubectl get pods -n kube-flights`", "none that the pages speak of"),
        ("`helm uninstall glovebox`", "no namespace"),
        ("`kubectl delete pods,nodes --all`", "no namespace"),
    ],
)
def test_a_wrong_command_would_be_found(text: str, why: str) -> None:
    (command,) = commands("page.md", text)

    assert why in wrong(command)


@pytest.mark.parametrize(
    "text",
    [
        "`kubectl scale deployment glovebox-operator --namespace glovebox-system --replicas=0`",
        "`kubectl get isolationprofiles,nodes`",
        "`kubectl get experiments -A`",
        "`kubectl describe objectstore primary`",
    ],
)
def test_a_right_command_is_let_be(text: str) -> None:
    (command,) = commands("page.md", text)

    assert not wrong(command)
