"""What turns the pages of the repository into those of a site, without a word of Sphinx in them.

Pages are written for people who read them in the repository: they link each other, and whatever
file or folder they speak of. This extension puts them in order (`_ORDER`), makes a link to what is
no page one to the repository, or plain text where it has no address, and writes `llms.txt`: the
list of all pages with the first sentence of each (https://llmstxt.org).
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Final

from docutils import nodes
from sphinx.application import Sphinx

# What stands at the side. Below a page that lists others (a `README` of a folder) stand those that
# it links, in its order.
_ORDER: Final = (
    ("Begin", ("docs/quickstart", "docs/capabilities", "docs/compatibility")),
    (
        "Documentation",
        (
            "docs/how-to/README",
            "docs/reference/README",
            "docs/explanation/README",
            "docs/runbooks/README",
            "docs/decisions/README",
        ),
    ),
    ("Project", ("helm/glovebox/README", "ARCHITECTURE", "CONTRIBUTING", "SECURITY", "CHANGELOG")),
)
# What begins first counts: the words of a link may be code, and code may hold what looks like one.
_LINK: Final = re.compile(
    r"^(?P<fence>```|~~~).*?^(?P=fence)|(?<!!)\[(?P<words>(?:[^\]\\]|\\.)*)\]\((?P<target>[^)\s]+)\)"
    r"|`[^`\n]*`",
    re.MULTILINE | re.DOTALL,
)
_SENTENCE: Final = re.compile(r"(.+?[.])(?:\s|$)", re.DOTALL)


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect what is below with Sphinx."""
    app.add_config_value("repository_url", "", "env")
    app.connect("source-read", _without_links_elsewhere)
    app.connect("source-read", _with_contents)
    app.connect("build-finished", _finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _without_links_elsewhere(app: Sphinx, docname: str, source: list[str]) -> None:
    """Rewrite the links of one page that lead to what is no page and no picture."""
    folder = PurePosixPath(docname).parent

    def rewrite(found: re.Match[str]) -> str:
        target = found["target"]
        if target is None or re.match(r"[a-z]+:|#", target):
            return found[0]
        path = os.path.normpath(folder / target.partition("#")[0])
        # What is nowhere stays: Sphinx tells of it.
        if path.removesuffix(".md") in app.env.found_docs or not (app.srcdir / path).exists():
            return found[0]
        base = app.config.repository_url.rstrip("/")
        return f"[{found['words']}]({base}/{path})" if base else found["words"]

    source[0] = _LINK.sub(rewrite, source[0])


def _with_contents(app: Sphinx, docname: str, source: list[str]) -> None:
    """Append what stands below a page at the side, and is shown there alone."""
    if docname == app.config.root_doc:
        parts: Iterable[tuple[str, Sequence[str]]] = _ORDER
    else:
        parts = (("", listed),) if (listed := _listed(app, docname, source[0])) else ()
    for caption, pages in parts:
        options = ":hidden:\n:titlesonly:\n" + (f":caption: {caption}\n" if caption else "")
        names = "\n".join(f"/{page}" for page in pages)
        source[0] += f"\n```{{toctree}}\n{options}\n{names}\n```\n"


def _listed(app: Sphinx, docname: str, text: str) -> list[str]:
    """Return the pages of its own folder that the page of a folder links, in its order."""
    page = PurePosixPath(docname)
    if docname not in dict(_ORDER)["Documentation"]:
        return []
    linked = (found["target"] for found in _LINK.finditer(text) if found["target"])
    names = (str(page.parent / name.removesuffix(".md")) for name in linked if "/" not in name)
    return [name for name in dict.fromkeys(names) if name in app.env.found_docs]


def _finish(app: Sphinx, error: Exception | None) -> None:
    """Write `llms.txt`, and the first page under the name that web servers look for."""
    if error is not None or app.builder.format != "html":
        return
    out, first = Path(app.outdir), app.config.root_doc
    shutil.copyfile(out / app.builder.get_target_uri(first), out / "index.html")
    lines = ["# Glovebox", "", f"> {_first_sentence(app, first)}", "", "## Pages", ""]
    for page in _in_order(app, first):
        title, uri = app.env.titles[page].astext(), app.builder.get_target_uri(page)
        lines.append(f"- [{title}]({uri}): {_first_sentence(app, page)}")
    (out / "llms.txt").write_text("\n".join(lines), encoding="utf-8")


def _in_order(app: Sphinx, page: str) -> Iterator[str]:
    """Yield a page and all that stand below it."""
    yield page
    for below in app.env.toctree_includes.get(page, ()):
        yield from _in_order(app, below)


def _first_sentence(app: Sphinx, page: str) -> str:
    """Return what a page says first, or nothing of one that has no running text."""
    for paragraph in app.env.get_doctree(page).findall(nodes.paragraph):
        if isinstance(paragraph.parent, nodes.section):
            text = " ".join(paragraph.astext().split())
            found = _SENTENCE.match(text)
            return found[1] if found else text
    return ""
