"""The documentation as a site: `make site` (Sphinx reads the pages where they lie)."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

project = "Glovebox"
author = "The Glovebox authors"
copyright = "The Glovebox authors"  # noqa: A001 - a name that Sphinx gives

# Links of pages that lie in the repository, and that are no page, go there when this is set:
# make site ARGS="-D repository_url=https://git.example/glovebox/blob/main"
extensions = ["myst_parser", "pages"]
include_patterns = [
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "helm/glovebox/README.md",
    "docs/*.md",
    "docs/**/*.md",
]
exclude_patterns = ["docs/examples/**"]
root_doc = "README"
source_suffix = {".md": "markdown"}

myst_heading_anchors = 4

html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["wide.css"]
html_title = "Glovebox"
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {"navigation_with_keys": True}
pygments_style = "friendly"
pygments_dark_style = "monokai"
# Names of recording rules hold colons, which the lexer of PromQL does not know.
suppress_warnings = ["misc.highlighting_failure"]
