"""What a page is made of. No module here knows HTML, and `html` knows no kind."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Tone(StrEnum):
    """How a mark is meant."""

    GOOD = "good"
    BAD = "bad"
    WAITING = "waiting"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class Mark:
    """A word that stands out.

    Attributes:
        text: The word.
        tone: How it is meant.
    """

    text: str
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class Code:
    """A name, digest or path, which is shown letter for letter.

    Attributes:
        text: All of it.
        short: What is shown in a table, with all of it on demand; empty for all of it.
    """

    text: str
    short: str = ""


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a whole, drawn as a bar.

    Attributes:
        of: Between 0 and 1.
        text: What is said of it.
        tone: How it is meant.
    """

    of: float
    text: str
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class Link:
    """Words that lead to another page of `glovebox ui`; a page in a file has none.

    Attributes:
        text: The words.
        to: Where they lead: an address below that of the first page, its parts quoted.
        is_code: Whether they are a name or a digest, to be shown letter for letter.
    """

    text: str
    to: str
    is_code: bool = False


Cell = str | Mark | Code | Share | Link


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and values, one below the other; what is empty is left out.

    Attributes:
        rows: The name of each fact, and its value.
    """

    rows: tuple[tuple[str, Cell], ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows below headings.

    Attributes:
        headings: One for each column.
        rows: The cells of each row.
        caption: What is said below it; empty for nothing.
    """

    headings: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Words:
    """A paragraph, or a command to copy.

    Attributes:
        text: What it says.
        is_command: Whether it is to be typed.
    """

    text: str
    is_command: bool = False


@dataclass(frozen=True, slots=True)
class Bar:
    """One part of a picture.

    Attributes:
        name: What it is a part of.
        share: Between 0 and 1.
        before: The same of what it is compared with; None where nothing is.
    """

    name: str
    share: float
    before: float | None = None

    @property
    def said(self) -> str:
        """The numbers, for whoever reads and does not look."""
        now = f"{self.share:.2%}"
        return now if self.before is None else f"{self.before:.2%} → {now}"


@dataclass(frozen=True, slots=True)
class Picture:
    """How something is distributed, as bars side by side.

    Attributes:
        title: What of.
        bars: The parts, in their order.
        mark: What came of it; None for nothing.
    """

    title: str
    bars: tuple[Bar, ...]
    mark: Mark | None = None


@dataclass(frozen=True, slots=True)
class Pictures:
    """Pictures side by side.

    Attributes:
        rows: The pictures.
        caption: What is said below them.
    """

    rows: tuple[Picture, ...]
    caption: str


@dataclass(frozen=True, slots=True)
class Leaf:
    """One thing in a list whose entries have lists of their own.

    Attributes:
        cells: What is said of it, in order.
        below: What stands below it.
    """

    cells: tuple[Cell, ...]
    below: tuple[Leaf, ...] = ()


@dataclass(frozen=True, slots=True)
class Nested:
    """A list whose entries have lists of their own.

    Attributes:
        rows: The entries.
    """

    rows: tuple[Leaf, ...]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A picture that was drawn elsewhere.

    Attributes:
        text: SVG, in which everything that others wrote is escaped.
        name: What it shows, for whoever does not see it.
    """

    text: str
    name: str


Block = Facts | Table | Words | Pictures | Nested | Drawn


@dataclass(frozen=True, slots=True)
class Section:
    """One subject of a page.

    Attributes:
        title: What it answers.
        mark: What came of it, in a word; None where nothing was to come.
        blocks: What is shown, in order.
    """

    title: str
    blocks: tuple[Block, ...]
    mark: Mark | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A page about one object.

    Attributes:
        kind: Its kind.
        name: `namespace/name`.
        about: What it is for, in the words of its owner.
        marks: What stands out of all.
        summary: What is the matter with it, in one sentence.
        sections: What is known, the important first.
        made: When the page was made, RFC 3339.
    """

    kind: str
    name: str
    about: str
    marks: tuple[Mark, ...]
    summary: str
    sections: tuple[Section, ...]
    made: str


def facts(*rows: tuple[str, Cell | None]) -> Facts:
    """Return facts without those of which nothing is known."""
    return Facts(tuple((name, cell) for name, cell in rows if cell is not None and cell != ""))


def present(sections: Iterable[Section | None]) -> tuple[Section, ...]:
    """Return the sections that have something to show."""
    shown = (each for each in sections if each is not None)
    return tuple(each for each in shown if any(_shows(block) for block in each.blocks))


def _shows(block: Block) -> bool:
    return bool(block.text if isinstance(block, Words | Drawn) else block.rows)
