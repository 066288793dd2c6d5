"""A sheet of labels as PDF: on each a QR code with the code of a tube, or another symbol, and the same in letters.

No Django.

The page is A4 with five labels of 38.1 × 21.2 mm in each of thirteen rows, as such sheets are sold. The codes are drawn
as rectangles, so that no printer and no viewer needs a picture or a font for them.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

POINTS_PER_MM: Final = 72 / 25.4
PAGE_MM: Final = (210.0, 297.0)
LABEL_MM: Final = (38.1, 21.2)
COLUMNS, ROWS = 5, 13
LEFT_MM, TOP_MM, GAP_MM = 4.65, 10.7, 2.5
CODE_MM: Final = 15.0
MARGIN_MM: Final = 2.0
LETTERS: Final = 5.6
"""Size of the letters in points."""
LONGEST_LINE: Final = 22


class Label(NamedTuple):
    """One label: the code in letters, and the lines beside the symbol. A line is cut at 22 characters.

    symbol: rows of modules, True for a dark one, with the light ones around it; a QR code of the code if it is None.
    """

    code: str
    lines: tuple[str, ...]
    symbol: list[list[bool]] | None = None


def label_sheet(labels: Sequence[Label], *, first: int = 1) -> bytes:
    """Return the PDF with the labels, from the place `first` (1 to 65) on, so that a begun sheet is used up.

    Raises ValueError for a place that the sheet does not have, or without a label.
    """
    if not labels:
        raise ValueError("a sheet needs a label")
    if not 1 <= first <= COLUMNS * ROWS:
        raise ValueError(f"a sheet has the places 1 to {COLUMNS * ROWS}")
    pages: dict[int, list[str]] = {}
    for position, label in enumerate(labels, start=first - 1):
        page, place = divmod(position, COLUMNS * ROWS)
        pages.setdefault(page, []).extend(_drawn(label, place))
    return _pdf(["\n".join(content) for _page, content in sorted(pages.items())])


def _drawn(label: Label, place: int) -> Iterator[str]:
    row, column = divmod(place, COLUMNS)
    left = LEFT_MM + column * (LABEL_MM[0] + GAP_MM)
    top = PAGE_MM[1] - TOP_MM - row * LABEL_MM[1]
    yield from _squares(label.symbol or _qr_code(label.code), left + MARGIN_MM, top - MARGIN_MM)
    yield "BT"
    yield f"/F1 {LETTERS} Tf {LETTERS * 1.2:.2f} TL"
    yield f"{_pt(left + MARGIN_MM + CODE_MM + 1)} {_pt(top - MARGIN_MM - 2)} Td"
    for line in label.lines:
        yield f"({_escaped(line[:LONGEST_LINE])}) Tj T*"
    yield "ET"
    # The code in letters stands under the square, for a hand that has no scanner.
    yield "BT"
    yield f"/F1 {LETTERS} Tf {_pt(left + MARGIN_MM)} {_pt(top - MARGIN_MM - CODE_MM - 2.2)} Td"
    yield f"({_escaped(label.code)}) Tj ET"


def _qr_code(text: str) -> list[list[bool]]:
    # Imported here: it takes the library of pictures with it, which nothing else in the program needs at its start.
    import qrcode

    code = qrcode.QRCode(error_correction=qrcode.ERROR_CORRECT_M, border=2)
    code.add_data(text)
    return code.get_matrix()


def _squares(modules: Sequence[Sequence[bool]], left_mm: float, top_mm: float) -> Iterator[str]:
    """Yield the dark modules of a symbol as rectangles, `CODE_MM` wide with its quiet zone."""
    side = CODE_MM / len(modules)
    for row, line in enumerate(modules):
        for first, last in _runs(line):
            box = (left_mm + first * side, top_mm - (row + 1) * side, (last - first) * side, side)
            yield " ".join(_pt(each) for each in box) + " re"
    yield "f"


def _runs(line: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """Yield (first, past the last) of each run of dark modules: one rectangle leaves no hair between two modules."""
    start = None
    for place, dark in enumerate([*line, False]):
        if dark and start is None:
            start = place
        elif not dark and start is not None:
            yield start, place
            start = None


def _pt(millimetres: float) -> str:
    return f"{millimetres * POINTS_PER_MM:.3f}"


def _escaped(text: str) -> str:
    """Return text for a string of a PDF; a sign that the font lacks becomes a question mark."""
    shown = text.encode("cp1252", "replace").decode("cp1252")
    return shown.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")


def _pdf(pages: Sequence[str]) -> bytes:
    """Return a PDF of pages with these contents, in one font that every viewer has."""
    size = f"[0 0 {_pt(PAGE_MM[0])} {_pt(PAGE_MM[1])}]"
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for number, content in enumerate(pages):
        resources = "/Resources << /Font << /F1 3 0 R >> >>"
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox {size} {resources} /Contents {5 + 2 * number} 0 R >>"
        )
        # The length counts bytes, which are those of the font's encoding.
        objects.append(f"<< /Length {len(content.encode('cp1252'))} >>\nstream\n{content}\nendstream")
    return _with_places(objects)


def _with_places(objects: Sequence[str]) -> bytes:
    """Return the objects with the table of their places, which ends a PDF."""
    written, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(written))
        written += f"{number} 0 obj\n{body}\nendobj\n".encode("cp1252")
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    return (
        written
        + f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}".encode()
        + f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(written)}\n%%EOF\n".encode()
    )
