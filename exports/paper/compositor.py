"""Set a document in a process of its own, so that its memory is freed and a runaway document can be stopped.

`python -m exports.paper.compositor TEMPLATE DATA MADE OUT`: name of the template, file with the data, file with
author and time, and the PDF to write. Without OUT the number of its pages is printed (`Pages`). Of data with `placed`
the pages of the marked places are printed too (`placed_pdf`).

The template parses the data as JSON, so no text becomes markup. Only the compositor's own fonts are used, so the same
data give the same bytes on every machine.
"""

import json
import re
import sys
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, TypedDict

TEMPLATES = Path(__file__).parent
STANDARD: Literal["ua-1"] = "ua-1"
UNDISPLAYED = re.compile(r'the text `"(.+?)"` could not be displayed', re.DOTALL)
UNBROKEN = re.compile(r"[^\s\u200b]{25,}")
PIECE = 12
# Zero-width space: a line may break here.
BREAK = "\u200b"


class Begun(TypedDict):
    """A heading of the two highest levels: its page, from 1, and its place below the upper edge, in points."""

    level: int
    title: str
    page: int
    down: int


class Pages(TypedDict):
    """Number of pages of a part of a document, and the headings with which it begins something new."""

    count: int
    begins: list[Begun]


def main(template: str, data: str, made: str, out: str = "") -> None:
    """Write the PDF, or without a place for it print its pages."""
    made_data = json.loads(Path(made).read_text("utf-8"))
    content = json.loads(Path(data).read_text("utf-8"))
    if out and content.get("placed"):
        document, places = placed_pdf(template, content, made_data)
        Path(out).write_bytes(document)
        print(json.dumps(places))
    elif out:
        Path(out).write_bytes(pdf(template, content, made_data))
    else:
        print(json.dumps(pages(template, content, made_data)))


def pdf(template: str, content: Any, made: dict[str, Any]) -> bytes:
    """Return the document as tagged PDF/UA-1."""
    # Imported here, because only workers have it (requirements/worker.txt).
    import typst

    return typst.compile(
        TEMPLATES / f"{template}.typ",
        root=TEMPLATES,
        ignore_system_fonts=True,
        sys_inputs=_inputs(content, made),
        pdf_standards=STANDARD,
        timestamp=made["timestamp"],
    )


def placed_pdf(template: str, content: Any, made: dict[str, Any]) -> tuple[bytes, list[tuple[int, int]]]:
    """Return the document as `pdf` does, and the pages (from 1) on which its marked places stand: (mark, page).

    Both come from one layout. A mark that stands on several pages is in the list as often.
    """
    import typst

    compiler = typst.Compiler(
        TEMPLATES / f"{template}.typ",
        root=TEMPLATES,
        ignore_system_fonts=True,
        sys_inputs=_inputs(content, made),
    )
    document: Any = compiler.compile(format="pdf", pdf_standards=STANDARD, timestamp=made["timestamp"])
    found = json.loads(compiler.query("<places>", field="value", one=True))
    return document, [(int(mark), int(page)) for mark, page in found]


def pages(template: str, content: Any, made: dict[str, Any]) -> Pages:
    """Return how many pages the document has, in less time and memory than the PDF takes."""
    import typst

    found = typst.query(
        TEMPLATES / f"{template}.typ",
        "<pages>",
        field="value",
        one=True,
        root=TEMPLATES,
        ignore_system_fonts=True,
        sys_inputs=_inputs(content, made),
    )
    pages: Pages = json.loads(found)
    return pages


def _inputs(content: Any, made: dict[str, Any]) -> dict[str, str]:
    """Return what the template reads, as JSON."""
    inputs = {"data": content, "made": made}
    missing = {ord(sign): f"‹U+{ord(sign):04X}›" for sign in without_glyph(_characters(inputs, set()))}
    return {name: json.dumps(_readable(part, missing)) for name, part in inputs.items()}


def _characters(data: Any, found: set[str]) -> set[str]:
    """Return all characters in the texts of the data."""
    if isinstance(data, str):
        found.update(data)
    elif isinstance(data, dict):
        for inner in data.values():
            _characters(inner, found)
    elif isinstance(data, list):
        for inner in data:
            _characters(inner, found)
    return found


def _readable(data: Any, missing: dict[int, str]) -> Any:
    """Return the data with every character printable and every long word breakable.

    A character without a glyph is replaced by its number, `‹U+1F600›`, so that nothing is omitted silently. A drawing
    (`svg`) is markup, in which no sign may be put between others.
    """
    if isinstance(data, str):
        return UNBROKEN.sub(_breakable, data.translate(missing) if missing else data)
    if isinstance(data, dict):
        return {
            name: inner.translate(missing) if name == "svg" else _readable(inner, missing)
            for name, inner in data.items()
        }
    if isinstance(data, list):
        return [_readable(inner, missing) for inner in data]
    return data


def without_glyph(signs: Iterable[str]) -> set[str]:
    """Return the characters that no font of the compositor has."""
    # Latin letters up to U+017F are in the fonts; only rarer characters need a trial page.
    unusual = {sign for sign in signs if ord(sign) > 0x17F}
    missing = {
        sign for sign in signs if unicodedata.category(sign) in ("Cc", "Cs", "Co") and sign not in "\n\t"
    }
    return missing | _refused(sorted(unusual - missing))


def _refused(signs: list[str]) -> set[str]:
    """Return the characters that the compositor refuses, found by setting a trial page with all of them."""
    import typst

    if not signs:
        return set()
    page = (
        '#set document(title: "x")\n#set text(font: ("Libertinus Serif", "DejaVu Sans Mono"))\n'
        '#for sign in json(bytes(sys.inputs.at("data"))) [#sign #linebreak()]'
    )
    try:
        typst.compile(
            page.encode(),
            ignore_system_fonts=True,
            sys_inputs={"data": json.dumps(signs)},
            pdf_standards=STANDARD,
        )
    except typst.TypstError as error:
        named = {sign for text in UNDISPLAYED.findall(error.diagnostic) for sign in text}
        return named & set(signs)
    return set()


def _breakable(match: "re.Match[str]") -> str:
    word = match[0]
    return BREAK.join(word[start : start + PIECE] for start in range(0, len(word), PIECE))


if __name__ == "__main__":
    main(*sys.argv[1:])
