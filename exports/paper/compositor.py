"""Sets a document: a process of its own, so that memory is given back and a runaway document can be stopped.

`python -m exports.paper.compositor TEMPLATE DATA MADE OUT`: the template's name, the files with the data and with
what is said of the making, and the PDF to write. Nothing of the data becomes markup: it is parsed as JSON by the
template. Only fonts that come with the compositor are used, so that the same data give the same bytes anywhere.
"""

import json
import re
import sys
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

TEMPLATES = Path(__file__).parent
STANDARD: Literal["ua-1"] = "ua-1"
UNDISPLAYED = re.compile(r'the text `"(.+?)"` could not be displayed', re.DOTALL)
UNBROKEN = re.compile(r"[^\s\u200b]{25,}")
PIECE = 12
# A sign without width at which a line may break.
BREAK = "\u200b"


def main(template: str, data: str, made: str, out: str) -> None:
    """Write the PDF."""
    told = json.loads(Path(made).read_text("utf-8"))
    content = json.loads(Path(data).read_text("utf-8"))
    Path(out).write_bytes(pdf(template, content, told))


def pdf(template: str, content: Any, made: dict[str, Any]) -> bytes:
    """Return the document as tagged PDF/UA-1."""
    import typst

    inputs = {"data": content, "made": made}
    missing = {ord(sign): f"‹U+{ord(sign):04X}›" for sign in without_glyph(_signs(inputs, set()))}
    return typst.compile(
        TEMPLATES / f"{template}.typ",
        root=TEMPLATES,
        ignore_system_fonts=True,
        sys_inputs={name: json.dumps(_readable(told, missing)) for name, told in inputs.items()},
        pdf_standards=STANDARD,
        timestamp=made["timestamp"],
    )


def _signs(told: Any, found: set[str]) -> set[str]:
    """Return every sign that stands in any text of the data."""
    if isinstance(told, str):
        found.update(told)
    elif isinstance(told, dict):
        for inner in told.values():
            _signs(inner, found)
    elif isinstance(told, list):
        for inner in told:
            _signs(inner, found)
    return found


def _readable(told: Any, missing: dict[int, str]) -> Any:
    """Return the data with every sign printable and every long word breakable.

    A sign that no font has stands as its number, `‹U+1F600›`: nothing is left out in silence.
    """
    if isinstance(told, str):
        return UNBROKEN.sub(_breakable, told.translate(missing) if missing else told)
    if isinstance(told, dict):
        return {name: _readable(inner, missing) for name, inner in told.items()}
    if isinstance(told, list):
        return [_readable(inner, missing) for inner in told]
    return told


def without_glyph(signs: Iterable[str]) -> set[str]:
    """Return the signs that no font of the compositor has."""
    unusual = {sign for sign in signs if ord(sign) > 0x17F}
    missing = {
        sign for sign in signs if unicodedata.category(sign) in ("Cc", "Cs", "Co") and sign not in "\n\t"
    }
    return missing | _refused(sorted(unusual - missing))


def _refused(signs: list[str]) -> set[str]:
    """Set a trial page with each sign and return those that the compositor refuses."""
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
