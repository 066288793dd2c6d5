"""A figure as a file: SVG that stands alone, PNG for print, CSV in one fixed format."""

import re
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from lxml import etree

from reports.figures.shapes import Circle, Figure, Line, Rect, Words
from reports.study_figures import files
from reports.study_figures.contract import CodedCell, DataColumn, FigureTable
from reports.study_figures.files import csv_rows, png_file, svg_file
from reports.study_figures.paper import PAPER
from tests.config.test_shell import LIGHT, contrast

STATIC = Path(__file__).resolve().parents[3] / "static"
RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
LOOKS = {"fill", "stroke", "stroke-width", "stroke-dasharray", "opacity", "font-weight"}
SVG = "{http://www.w3.org/2000/svg}"


def style() -> dict[str, dict[str, str]]:
    """Return the looks of the classes of figures in the style sheets, in the light colours."""
    found: dict[str, dict[str, str]] = {}
    for name in ("stroma.css", "figures.css"):
        text = re.sub(r"/\*.*?\*/", "", (STATIC / name).read_text(encoding="utf-8"), flags=re.DOTALL)
        for selectors, body in RULE.findall(text):
            for selector in selectors.split(","):
                if css := re.fullmatch(r"\.fig \.?([\w-]+)|\.(g[1-5])", selector.strip()):
                    looks = {
                        key: re.sub(r"var\(--([\w-]+)\)", lambda found: LIGHT[found[1]], value)
                        for key, value in re.findall(r"([\w-]+): ([^;]+);", body)
                        if key in LOOKS
                    }
                    if "font-weight" in looks:
                        looks["font-weight"] = "bold"
                    found.setdefault(css[1] or css[2], {}).update(looks)
    return found


def a_figure() -> Figure:
    text = 'Fever < 39 & "high"'
    return Figure(
        width=200,
        height=100,
        label=text,
        shapes=(
            Rect(x=10, y=10, width=30, height=20, css="g3", tip=text),
            Circle(x=60, y=20, radius=4, css="point", tip="One"),
            Line(x1=0, y1=90, x2=200, y2=90, css="gridline"),
            Words(x=10, y=60, text=f'<text class="ink"/> {text}', css="ink strong"),
        ),
    )


def test_a_file_looks_as_the_page_does():
    """OUT-06: the attributes are those of the style sheets, and every class is known."""
    css = style()
    for name, looks in PAPER.items():
        assert {
            key: value if value[0] != "." else f"0{value}" for key, value in css[name].items()
        } == looks, name
    assert css.keys() - PAPER.keys() <= {"svg"}


def test_the_svg_stands_alone():
    """OUT-06: no class, no style sheet; what people typed stays text."""
    text = svg_file(a_figure(), title="Events & grades")
    root = etree.fromstring(text.encode())
    assert not any({"class", "style", "data-tip"} & set(each.keys()) for each in root.iter())
    assert root.find(f"{SVG}style") is None
    bar = root.findall(f"{SVG}rect")[1]
    assert (bar.get("fill"), bar.get("stroke")) == ("#e0643a", "#a4381a")
    assert bar.findtext(f"{SVG}title") == 'Fever < 39 & "high"'
    words = root.find(f"{SVG}text")
    assert words is not None
    assert words.text == '<text class="ink"/> Fever < 39 & "high"'
    assert (words.get("fill"), words.get("font-weight")) == ("#15202c", "bold")
    assert root.findtext(f"{SVG}title") == "Events & grades"


def test_the_stamp_stands_above_the_figure():
    """BLD-01: nothing is written over a mark."""
    root = etree.fromstring(svg_file(a_figure(), title="Events", stamp="UNBLINDED: keep").encode())
    assert root.get("viewBox") == "0 -16 200 116"
    assert root.findtext(f"{SVG}title") == "UNBLINDED: keep – Events"
    words = root.find(f"{SVG}text")
    assert words is not None
    assert words.text == "UNBLINDED: keep"
    assert float(words.get("y", "0")) < 0


@pytest.mark.parametrize("stamp", ["", "UNBLINDED: keep"])
def test_the_png_has_three_hundred_dots_per_inch_and_the_same_bytes_each_time(stamp):
    """OUT-06: 200 pixels of 1/96 inch are 625 dots."""
    made = png_file(a_figure(), title="Events", stamp=stamp)
    assert made.startswith(b"\x89PNG")
    width, height = (int.from_bytes(made[at : at + 4], "big") for at in (16, 20))
    assert abs(width - 625) <= 1
    assert abs(height - (363 if stamp else 313)) <= 1
    assert made == png_file(a_figure(), title="Events", stamp=stamp)


def test_the_letters_of_a_png_have_no_serifs_as_those_of_the_svg(monkeypatch):
    """OUT-06: with a font that is not there the typesetter would take its own, which has serifs."""
    made = png_file(a_figure(), title="Events")
    monkeypatch.setattr(files, "PNG_FONT", files.PRINT_FONT)
    with_serifs = png_file(a_figure(), title="Events")
    monkeypatch.setattr(files, "PNG_FONT", "A font that nobody has")
    assert made not in (with_serifs, png_file(a_figure(), title="Events"))
    assert files.SCREEN_FONT.endswith(", sans-serif")


def test_the_csv_has_one_format_for_every_reader():
    """OUT-06, SEC-15: codes, days of ISO 8601, decimal points; a typed formula gets an apostrophe."""
    columns = (
        DataColumn("term", "Terme", free_text=True), DataColumn("outcome", "Issue"), DataColumn("day", "Jour"),
        DataColumn("share", "Part"),
    )  # fmt: skip
    rows = [
        ("=1+1", CodedCell("declined", "Refus"), date(2026, 3, 1), Decimal("0.50")),
        ("Fever", None, None, 1.5),
    ]
    assert list(csv_rows(FigureTable(columns, rows))) == [
        ["term", "outcome", "day", "share"],
        ["'=1+1", "declined", "2026-03-01", "0.50"],
        ["Fever", "", "", "1.5"],
    ]


def test_marks_stand_out_from_the_paper():
    """WCAG 1.4.3, 1.4.11: text 4.5 to 1, marks 3 to 1 by their outline or their area."""
    words = {"text", "ink", "today-label"}
    assert {name for name in words if contrast(PAPER[name]["fill"], "#ffffff") < 4.5} == set()
    # Aids behind the marks: grid, lanes, and areas that another mark outlines.
    aids = {"gridline", "lane", "band", "area", "window", "strong", "long-dashes", "on-pale", "on-deep"}
    weak = {
        name
        for name, look in PAPER.items()
        if name not in words | aids
        and max(contrast(look[key], "#ffffff") for key in ("fill", "stroke") if look.get(key, "none") != "none") < 3
    }  # fmt: skip
    assert weak == set()
