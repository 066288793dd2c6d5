"""A drawing as a file: SVG that stands alone, PNG for print, and the data behind it as CSV."""

import json
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from xml.sax.saxutils import escape

from reports.figures.shapes import Figure
from reports.study_figures.contract import CodedCell, FigureTable
from reports.study_figures.paper import INK, PAPER, Attributes
from trials.listing.lines import csv_text

SCREEN_FONT = 'Arial, "Liberation Sans", Helvetica, sans-serif'
# A font like that of the SVG, of an installed package, so that the same figure gives the same bytes on every machine.
PNG_FONT = "Roboto"
# The typesetter brings this font: the drawings of a report pack have the font of its text.
PRINT_FONT = "Libertinus Serif"
DOTS_PER_INCH = 300
PIXELS_PER_INCH, POINTS_PER_INCH = 96, 72
STAMP_HEIGHT = 16.0
# The shapes escape < and > in every text, so that these signs stand only around elements.
ELEMENT = re.compile(r"<(\w+)((?: [\w-]+=(?:\"[^\"]*\"|'[^']*'))*)(/?)>")
ATTRIBUTE = re.compile(r" ([\w-]+)=(\"[^\"]*\"|'[^']*')")
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
PAGE = (
    '#set page(width: {width}pt, height: auto, margin: 0pt, fill: white)\n'
    '#image(bytes(json(bytes(sys.inputs.at("svg")))), format: "svg", width: {width}pt)'
)  # fmt: skip


def svg_file(figure: Figure, *, title: str, stamp: str = "", font: str = SCREEN_FONT) -> str:
    """Return a figure as an SVG file that needs no style sheet: every look is an attribute of its element.

    title: of the figure; the label of the figure is its description. stamp: a sentence above the figure. The tips of
    the marks become titles, which programs show as tooltips.
    """
    inside = UNPRINTABLE.sub("", "".join(shape.markup for shape in figure.shapes))
    above = STAMP_HEIGHT if stamp else 0.0
    size = f"{figure.width:g}", f"{figure.height + above:g}"
    written = (
        f'<text x="4" y="{-above + 11:g}" font-weight="bold" fill="{INK}">{escape(stamp)}</text>'
        if stamp
        else ""
    )
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{size[0]}" height="{size[1]}" '
        f'viewBox="0 {-above:g} {size[0]} {size[1]}" role="img" font-family="{escape(font, {chr(34): "&quot;"})}" '
        f'font-size="12">'
    )
    ground = f'<rect x="0" y="{-above:g}" width="{size[0]}" height="{size[1]}" fill="#ffffff"/>'
    words = f"<title>{escape(' – '.join(filter(None, [stamp, title])))}</title><desc>{escape(figure.label)}</desc>"
    return f"{head}{words}{ground}{written}{ELEMENT.sub(_with_its_look, inside)}</svg>\n"


def _with_its_look(found: re.Match[str]) -> str:
    name, closed = found[1], bool(found[3])
    given = {key: value[1:-1] for key, value in ATTRIBUTE.findall(found[2])}
    classes, tip = given.pop("class", "").split(), given.pop("data-tip", "")
    look: Attributes = dict(PAPER["text"]) if name == "text" else {}
    for each in classes:
        look |= PAPER[each]
    if name in ("path", "rect", "circle", "line"):
        look.setdefault("fill", "none")
    written = "".join(f' {key}="{value}"' for key, value in (given | look).items())
    if tip:
        return f"<{name}{written}><title>{tip}</title></{name}>"
    return f"<{name}{written}/>" if closed else f"<{name}{written}>"


def png_is_made_here() -> bool:
    """Return True if this process has the typesetter, which makes the PNG; only `requirements/worker.txt` has it."""
    return find_spec("typst") is not None


def png_file(figure: Figure, *, title: str, stamp: str = "") -> bytes:
    """Return a figure as PNG with 300 dots per inch, at the size of the SVG file."""
    # Imported here: 81 MB that a web process needs only for this.
    import font_roboto
    import typst

    svg = svg_file(figure, title=title, stamp=stamp, font=PNG_FONT)
    fonts = Path(font_roboto.Roboto).parent
    width = figure.width * POINTS_PER_INCH / PIXELS_PER_INCH
    made: bytes = typst.compile(
        PAGE.format(width=f"{width:g}").encode(),
        font_paths=typst.Fonts(include_system_fonts=False, font_paths=[fonts]),
        sys_inputs={"svg": json.dumps(svg)},
        format="png",
        ppi=DOTS_PER_INCH,
    )
    return made


def csv_rows(table: FigureTable) -> Iterator[list[str]]:
    """Yield the names of the columns, then the rows: codes, days of ISO 8601, numbers with a decimal point."""
    yield [column.name for column in table.columns]
    for row in table.rows:
        yield [
            csv_text(cell.code if isinstance(cell, CodedCell) else cell, free_text=column.free_text)
            for column, cell in zip(table.columns, row, strict=True)
        ]
