"""A Croissant 1.0 or 1.1 dataset as a DatasetPin: what can be said, and what cannot. Pure.

Only objects that lie in a store under a version, and whose SHA-256 the file says, become part of
the pin; their content root is computed from the file, so that the pin is Ready only where the store
holds just these bytes. What a pin has no word for is named, and never left out in silence: a pin
that looks complete and is not would be believed.

JSON-LD is read as the programs of MLCommons write it, with the prefixes of their context or without
any. No context is fetched, and none is obeyed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, get_args
from urllib.parse import parse_qs, unquote, urlsplit

from glovebox.api import reasons
from glovebox.api.contract import MAX_COLUMNS
from glovebox.api.data_terms import Classification, Origin
from glovebox.data.licenses import why_unknown
from glovebox.data.manifest import DigestSource, Entry
from glovebox.data.roots import RootBuilder
from glovebox.errors import InvalidInput

CONFORMS: Final = re.compile(r"https?://mlcommons\.org/croissant/1\.[01]")
_MOST_OBJECTS: Final = 1000
_PREFIX: Final = re.compile(
    r"(?:sc|cr|dct|prov):|https?://schema\.org/|http://mlcommons\.org/croissant/"
)
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_ROOT: Final = re.compile(r"sha256:[0-9a-f]{64}")
_SIZE: Final = re.compile(r"([0-9]{1,18})(?: ?B)?")
_COLUMN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,127}")
_TYPES: Final = {
    "Text": "Text",
    "URL": "Text",
    "Integer": "Integer",
    "Float": "Number",
    "Number": "Number",
    "Boolean": "Bool",
    "Date": "Date",
    "DateTime": "Timestamp",
    **{f"{sign}Int{bits}": "Integer" for sign in ("", "U") for bits in (8, 16, 32, 64)},
    **{f"Float{bits}": "Number" for bits in (16, 32, 64)},
}
_LICENSES: Final = {
    "creativecommons.org/publicdomain/zero/1.0": "CC0-1.0",
    "creativecommons.org/licenses/by/4.0": "CC-BY-4.0",
    "creativecommons.org/licenses/by-sa/4.0": "CC-BY-SA-4.0",
    "creativecommons.org/licenses/by-nc/4.0": "CC-BY-NC-4.0",
    "www.apache.org/licenses/license-2.0": "Apache-2.0",
    "opensource.org/licenses/mit": "MIT",
}
# Said by the pin itself once it was read, or of no meaning for one.
_SAID_OTHERWISE: Final = frozenset(
    {
        *("@context", "@type", "@id", "conformsTo", "name", "description", "license", "creator"),
        *("publisher", "keywords", "distribution", "recordSet", "identifier", "version", "url"),
        *("datePublished", "isLiveDataset", "wasDerivedFrom", "wasGeneratedBy"),
    }
)


@dataclass(slots=True)
class Imported:
    """A pin out of Croissant.

    Attributes:
        name: Of the pin.
        spec: Its spec, without the store.
        left_out: What it does not say, each with its place.
    """

    name: str = ""
    spec: dict[str, Any] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


def import_croissant(document: object) -> Imported:
    """Return the pin that a Croissant file describes.

    Raises:
        InvalidInput: It is none, or it names no object that can be pinned.
    """
    if not isinstance(document, dict):
        raise _no_croissant("it holds no JSON object")
    said = {_short(name): value for name, value in document.items()}
    if "Dataset" not in map(_short, _texts(document.get("@type"))):
        raise _no_croissant("its `@type` is no `sc:Dataset`")
    if not any(CONFORMS.fullmatch(each) for each in _texts(said.get("conformsTo"))):
        raise _no_croissant("its `conformsTo` names neither version 1.0 nor 1.1")
    found = Imported()
    _take_name(found, said)
    _take_objects(found, said)
    _take_words(found, said)
    _take_provenance(found, said)
    _take_columns(found, said)
    found.left_out += [
        f"`{name}`: a pin has no word for it"
        for name, value in said.items()
        if name not in _SAID_OTHERWISE and value not in (None, [], "")
    ]
    return found


def _no_croissant(why: str) -> InvalidInput:
    return InvalidInput(reasons.INVALID_SPEC, f"this is no Croissant file: {why}")


def _short(name: str) -> str:
    found = _PREFIX.match(name)
    return name[found.end() :] if found is not None else name


def _nodes(value: object) -> Iterator[Mapping[str, Any]]:
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, dict):
            yield {_short(name): inner for name, inner in each.items()}


def _texts(value: object) -> list[str]:
    values = value if isinstance(value, list) else [value]
    found = (
        each.get("@id") or each.get("@value") if isinstance(each, dict) else each for each in values
    )
    return [each for each in found if isinstance(each, str) and each]


def _text(value: object) -> str:
    return next(iter(_texts(value)), "")


def _take_name(found: Imported, said: Mapping[str, Any]) -> None:
    name = _text(said.get("name"))
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:63].strip("-")
    found.name = plain or "dataset"
    if found.name != name:
        found.left_out.append(
            f"`name`: the pin is called '{found.name}'; no object may be '{name}'"
        )


def _take_objects(found: Imported, said: Mapping[str, Any]) -> None:
    objects: list[dict[str, str]] = []
    entries: list[Entry] = []
    others = 0
    for number, each in enumerate(_nodes(said.get("distribution"))):
        entry = _entry(each)
        if isinstance(entry, str):
            others += 1
            found.left_out.append(f"`distribution[{number}]`: {entry}")
            continue
        entries.append(entry)
        objects.append(
            {
                "bucket": entry.bucket,
                "key": entry.key,
                "versionId": entry.version_id,
                "path": entry.path,
            }
        )
    if not objects:
        raise InvalidInput(
            reasons.INVALID_SPEC,
            "nothing in `distribution` is an object of a store with version and SHA-256; first:"
            f" {found.left_out[-1] if others else 'it is empty'}",
        )
    if len(objects) > _MOST_OBJECTS:
        raise InvalidInput(
            reasons.INVALID_SPEC,
            f"`distribution` lists {len(objects):,} objects, and a pin at most {_MOST_OBJECTS:,};"
            " pin the prefix or the manifest that they came from",
        )
    if len({entry.path for entry in entries}) < len(entries):
        raise InvalidInput(reasons.INVALID_SPEC, "two objects in `distribution` have one `name`")
    builder = RootBuilder()
    for entry in sorted(entries, key=lambda one: one.path.encode()):
        builder.add(entry)
    root = builder.finish().content
    stated = _text(said.get("identifier"))
    if _ROOT.fullmatch(stated) and stated != root and not others:
        raise InvalidInput(
            reasons.INVALID_SPEC,
            f"its objects have the content root {root}, and its `identifier` is {stated}: it was"
            " changed after it was written",
        )
    if stated and not _ROOT.fullmatch(stated):
        found.left_out.append("`identifier`: the pin is known by its content root")
    found.spec |= {"source": {"objects": objects}, "digest": root}


def _entry(each: Mapping[str, Any]) -> Entry | str:
    """Return an object that can be pinned, or why it cannot."""
    if "FileObject" not in map(_short, _texts(each.get("@type"))):
        return "it is no FileObject; only objects are pinned, each by its version"
    sha, size = _text(each.get("sha256")).lower(), _SIZE.fullmatch(_text(each.get("contentSize")))
    place, name = _place(each), _text(each.get("name"))
    if each.get("containedIn"):
        return "it lies within another object"
    if place is None:
        return "its `contentUrl` is no `s3://bucket/key?versionId=...`: bring it into the store"
    if not _SHA256.fullmatch(sha):
        return "it has no `sha256`"
    if size is None:
        return "its `contentSize` is no number of bytes"
    bucket, key, version = place
    return Entry(name or key, int(size[1]), sha, bucket, key, version, DigestSource.COMPUTED)


def _place(each: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """Return bucket, key and version of an object; None where it lies in no store."""
    try:
        url = urlsplit(_text(each.get("contentUrl")))
        version = parse_qs(url.query).get("versionId", [""])[0]
        key = unquote(url.path.removeprefix("/"))
        (key + version + _text(each.get("name"))).encode()
    except ValueError:
        return None  # such as `s3://[`, or half a letter
    known = url.scheme == "s3" and url.netloc and key and version
    return (url.netloc, key, version) if known else None


def _take_words(found: Imported, said: Mapping[str, Any]) -> None:
    description, owner = _text(said.get("description")), _named(said.get("publisher"))
    if description:
        found.spec["description"] = description
    if owner:
        found.spec["owner"] = owner[0]
    found.left_out += [f"`publisher`: a pin has one owner; not '{each}'" for each in owner[1:]]
    for each in _texts(said.get("license")):
        license_id = _license(each)
        if "license" not in found.spec and license_id and not why_unknown(license_id):
            found.spec["license"] = license_id
        else:
            found.left_out.append(f"`license`: '{each}' is no single SPDX expression")
    for each in _texts(said.get("keywords")):
        if each in get_args(Classification) and "classification" not in found.spec:
            found.spec["classification"] = each
        elif each not in get_args(Origin):
            found.left_out.append(f"`keywords`: '{each}'")


def _license(stated: str) -> str:
    place = re.sub(r"^https?://|/(?:legalcode|deed\.[a-z]+)?$", "", stated.lower())
    spdx = re.fullmatch(r"https?://spdx\.org/licenses/([A-Za-z0-9.-]+?)(?:\.html|\.json)?", stated)
    return spdx[1] if spdx else _LICENSES.get(place, stated)


def _named(value: object) -> list[str]:
    names = [_text(each.get("name")) for each in _nodes(value)]
    plain = [
        each for each in (value if isinstance(value, list) else [value]) if isinstance(each, str)
    ]
    return list(dict.fromkeys(each for each in (*names, *plain) if each))


def _take_provenance(found: Imported, said: Mapping[str, Any]) -> None:
    stated: dict[str, Any] = {}
    origins = [each for each in _texts(said.get("keywords")) if each in get_args(Origin)]
    if origins:
        stated["origin"] = origins[0]
    authors = _named(said.get("creator"))
    if authors:
        stated["authors"] = authors
    sources = [each for each in (_source(found, one) for one in _sources(said)) if each]
    if sources:
        stated["sources"] = sources
    transformation = _transformation(found, said.get("wasGeneratedBy"))
    if transformation:
        stated["transformation"] = transformation
    if stated:
        found.spec["provenance"] = stated


def _sources(said: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    value = said.get("wasDerivedFrom")
    for each in value if isinstance(value, list) else [value]:
        yield from _nodes({"@id": each} if isinstance(each, str) else each)


def _source(found: Imported, each: Mapping[str, Any]) -> dict[str, Any] | None:
    at, name = _text(each.get("@id")), _text(each.get("name"))
    if _ROOT.fullmatch(at) and name:
        return {"pinRef": {"name": name}, "digest": at}
    if at.startswith("DatasetPin/"):
        return {"pinRef": {"name": at.removeprefix("DatasetPin/")}}
    if re.match(r"[a-z][a-z0-9+.-]*:", at) and not _ROOT.fullmatch(at):
        reason = _text(each.get("description")) or name or "named by the Croissant file"
        return {"external": {"uri": at, "reason": reason}}
    found.left_out.append(f"`prov:wasDerivedFrom`: '{at or name}' is neither a pin nor a URI")
    return None


def _transformation(found: Imported, value: object) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for activity in _nodes(value):
        for each in _nodes(activity.get("used")):
            at = _text(each.get("@id"))
            code = re.fullmatch(r"git\+(.+)@([0-9a-f]{7,64})", at)
            if code and "code" not in made:
                made["code"] = {"repository": code[1], "commit": code[2]}
            elif at.startswith("oci://") and "image" not in made:
                made["image"] = at.removeprefix("oci://")
            else:
                found.left_out.append(f"`prov:wasGeneratedBy`: it used '{at}'")
        filters = _text(activity.get("description"))
        if filters:
            made["filters"] = [*made.get("filters", ()), *filters.split("; ")]
    return made


def _take_columns(found: Imported, said: Mapping[str, Any]) -> None:
    sets = list(_nodes(said.get("recordSet")))
    if not sets:
        return
    if len(sets) > 1:
        # A contract is of every table of a pin.
        found.left_out.append(f"`recordSet`: a pin has one contract, and there are {len(sets)}")
        return
    columns: dict[str, dict[str, Any]] = {}
    for number, each in enumerate(_nodes(sets[0].get("field"))):
        column = _column(each)
        where = f"`recordSet[0].field[{number}]`"
        if isinstance(column, str):
            found.left_out.append(f"{where}: {column}")
        elif column["name"] in columns or len(columns) >= MAX_COLUMNS:
            found.left_out.append(f"{where}: one too many for a contract")
        else:
            columns[column["name"]] = column
    known = {"@type", "@id", "name", "description", "field"}
    others: Iterable[str] = (name for name in sets[0] if name not in known)
    found.left_out += [f"`recordSet[0].{name}`: a contract has no word for it" for name in others]
    if columns:
        found.spec["contract"] = {"columns": list(columns.values())}


def _column(each: Mapping[str, Any]) -> dict[str, Any] | str:
    """Return a column of a contract, or why it is none."""
    source = next(_nodes(each.get("source")), {})
    extract = next(_nodes(source.get("extract")), {})
    name = _text(extract.get("column"))
    if not name:
        return "it is read from no column"
    if _COLUMN.fullmatch(name) is None:
        return f"no contract can name the column '{name}'"
    for other in ("repeated", "isArray", "subField", "references", "parentField"):
        if each.get(other):
            return f"`{other}` is nothing that a contract can say"
    if source.get("transform") or source.get("format"):
        return "its values are changed as they are read"
    types = [_TYPES.get(_short(one)) for one in _texts(each.get("dataType"))]
    if len(types) != 1 or types[0] is None:
        return "its `dataType` is no single type that a contract knows"
    return {"name": name, "type": types[0]}
