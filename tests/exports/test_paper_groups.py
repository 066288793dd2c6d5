"""A casebook of many pages is set in groups of patients and joined: the paper stays the same, the memory small."""

import re
from pathlib import Path

import pypdfium2
import pytest
import time_machine
from django.utils import timezone

from exports.paper import typesetting
from exports.paper.audience import Audience
from exports.paper.casebook import write_casebook
from exports.paper.joining import join
from exports.paper.typesetting import Making
from exports.recorder import Cancelled
from tests.support import build
from tests.support.pages.paper import Paper
from tests.support.study.casebooks import book, full_patient

pytestmark = [pytest.mark.django_db, pytest.mark.one_engine]
TABLE_OF_CONTENTS = {"/TOC", "/TOCI", "/Reference", "/Link"}
HEADS = {"/Table", "/THead", "/TBody", "/TR", "/TH"}


@pytest.fixture
def papers(trial, doctor, tmp_path, monkeypatch) -> tuple[Paper, Paper]:
    """The casebooks of three patients, set as one document and set patient by patient."""
    full_patient(trial, doctor)
    for _each in range(2):
        build.event(patient=build.enrolled(trial=trial, investigator=doctor), by=doctor)
    person = build.user("data_manager", trial=trial).get_username()
    whole = book(trial, tmp_path, user=person)
    in_groups_of(60_000, monkeypatch)
    joined = book(trial, tmp_path, user=person)
    assert groups_of(joined) == 3
    return whole, joined


@pytest.fixture
def pieces(trial, doctor, tmp_path, monkeypatch) -> tuple[Paper, Paper]:
    """The casebook of one patient, set as one document and set in pieces."""
    found = full_patient(trial, doctor)
    person = build.user("data_manager", trial=trial).get_username()
    whole = book(trial, tmp_path, user=person, patient=found.code)
    in_groups_of(8_000, monkeypatch)
    joined = book(trial, tmp_path, user=person, patient=found.code)
    assert groups_of(joined) > 5
    return whole, joined


@pytest.fixture(params=["papers", "pieces"])
def each(request) -> tuple[Paper, Paper]:
    """A document set as one and in groups: of patients, and of pieces of one patient."""
    return request.getfixturevalue(request.param)


def in_groups_of(most_bytes: int, monkeypatch) -> None:
    monkeypatch.setattr(typesetting, "WHOLE_BYTES", 0)
    monkeypatch.setattr(typesetting, "PART_BYTES", most_bytes)


def groups_of(paper: Paper) -> int:
    """Return how many groups have a table: the names of their headers begin with the number of the group."""
    return len({name[:5] for name in paper.root["/StructTreeRoot"]["/IDTree"]["/Names"][::2]} - {"P0000"})


def words(page: str) -> str:
    """Return the text of a page without the moment and the hash at its foot, spaces and leader dots."""
    page = re.sub(r"Generated.*?,|SHA-256 of the data [0-9a-f]+", "", page, flags=re.DOTALL)
    return re.sub(r"[\s.]+", "", page)


def test_the_pages_are_the_same_and_numbered_through(papers):
    """CTL-03, P11-02: page n of m, subject and version at the head, over all groups."""
    whole, joined = papers
    assert len(joined.pages) == len(whole.pages) > 20
    for number, (one, other) in enumerate(zip(whole.pages, joined.pages, strict=True), start=1):
        assert f"Page {number} of {len(whole.pages)}" in other
        assert words(one) == words(other), number


def test_the_pages_of_a_divided_casebook_are_numbered_through_and_say_whose_they_are(pieces):
    """CTL-03, P11-02: the contents do not grow, so they and the cover are one page."""
    _whole, joined = pieces
    count = len(joined.pages)
    for number, page in enumerate(joined.pages, start=1):
        assert f"Page {number} of {count}" in page
        assert ("Protocol version 1.0" in page, "LIE-001 Protocol" in page) == (True, number > 1), number


def test_a_divided_casebook_says_the_same(pieces):
    """P11-02: every element with its text, once, in order; a table that goes on has its header once more."""
    whole, joined = (in_words(paper) for paper in pieces)
    assert [each for each in joined if each[0] not in HEADS] == [
        each for each in whole if each[0] not in HEADS
    ]
    assert {each for each in joined if each[0] == "/TH"} == {each for each in whole if each[0] == "/TH"}
    assert len(whole) > 500


def in_words(paper: Paper) -> list[tuple[str, str]]:
    """Return what is said, without the list of contents, whose pages are others."""
    return [(tag, text) for tag, text in paper.spoken() if tag not in TABLE_OF_CONTENTS - {"/P"}]


def test_bookmarks_and_contents_lead_to_the_same_headings(each):
    """PDF/UA-1: levels and titles as of the whole; each leads to the page on which its heading is printed."""
    whole, joined = each
    titles = [(level, title) for level, title, _page in joined.bookmarks()]
    assert titles == [(level, title) for level, title, _page in whole.bookmarks()]
    assert {level for level, _title in titles} == {0, 1, 2}
    for _level, title, page in joined.bookmarks():
        assert words(title) in words(joined.pages[page])
    depth = 0 if joined.holds("LIE-002") else 1
    pages = [page.indirect_reference.idnum for page in joined.reader.pages]
    links = [link.get_object() for page in joined.reader.pages for link in page.get("/Annots", [])]
    led = [pages.index(link["/Dest"][0].idnum) for link in links]
    assert led == [page for level, _title, page in joined.bookmarks() if level <= depth]
    assert all(link["/Contents"] for link in links)
    tops = [float(mark.top) for level, mark in joined.destinations() if level <= depth]
    assert [float(link["/Dest"][3]) for link in links] == pytest.approx(tops, abs=1.5)


def test_cover_and_contents_look_as_those_of_one_document(each):
    """CTL-03: only the numbers of the pages differ."""
    whole, joined = each
    assert len(beginnings(joined)) > 10
    assert beginnings(joined) == beginnings(whole)


def beginnings(paper: Paper) -> list[tuple[float, float]]:
    """Return where the lines of the first page begin, in points, without the foot."""
    page = pypdfium2.PdfDocument(paper.data)[0].get_textpage()
    corners = [page.get_rect(number) for number in range(page.count_rects())]
    return [(round(top), round(left)) for left, _bottom, _right, top in corners if left < 70 and top > 60]


def test_the_tags_are_the_same(papers):
    """PDF/UA-1: one tree over all groups."""
    whole, joined = papers
    assert in_words(joined) == in_words(whole)


def test_every_mark_belongs_to_its_page(each):
    """PDF/UA-1: a screen reader finds each text in the tree, and each cell its header."""
    _whole, joined = each
    root = joined.root["/StructTreeRoot"]
    numbers = root["/ParentTree"]["/Nums"]
    elements = dict(zip(numbers[::2], (found.get_object() for found in numbers[1::2]), strict=True))
    assert sorted(elements) == list(range(root["/ParentTreeNextKey"]))
    for page in joined.reader.pages:
        held = elements[page["/StructParents"]]
        assert len(held) > 3
        assert all(page.indirect_reference.idnum in _pages_of(element.get_object()) for element in held)
    names = root["/IDTree"]["/Names"][::2]
    assert list(names) == sorted(set(names))
    used = {name for element in _elements(root) for found in _headers(element) for name in found}
    assert used
    assert used <= set(names)


def _pages_of(element) -> set[int]:
    """Return the pages on which the text of an element stands."""
    nodes = [element, *(child for child in element["/K"] if isinstance(child, dict))]
    return {node.raw_get("/Pg").idnum for node in nodes if "/Pg" in node}


def _elements(node):
    children = node.get("/K", [])
    for child in children if isinstance(children, list) else [children]:
        found = child.get_object()
        if isinstance(found, dict) and "/S" in found:
            yield found
            yield from _elements(found)


def _headers(element):
    for each in element.get("/A", []):
        if "/Headers" in each.get_object():
            yield each.get_object()["/Headers"]


def test_the_joined_file_is_whole(each):
    """PDF/UA-1: title, language and standard; another reader opens every page; no object is missing or left over."""
    whole, joined = each
    assert joined.root["/Lang"] == whole.root["/Lang"] == "en"
    assert joined.reader.metadata.title == whole.reader.metadata.title
    told = joined.root["/Metadata"].get_data()
    assert b"pdfuaid:part>1<" in told
    assert b"<xmpTPg:NPages>%d<" % len(joined.pages) in told
    assert joined.data.count(b" 65535 f ") == 1
    document = pypdfium2.PdfDocument(joined.data)
    assert len(document) == len(joined.pages)
    for page in document:
        assert page.get_textpage().count_chars() > 100


def test_a_divided_casebook_is_the_same_twice(trial, doctor, tmp_path, monkeypatch):
    """REL-09: nothing random, also where parts are joined."""
    found = full_patient(trial, doctor)
    in_groups_of(8_000, monkeypatch)
    with time_machine.travel(timezone.now(), tick=False):
        one, other = (written(trial, found.code, tmp_path / name) for name in ("one.pdf", "other.pdf"))
    assert one == other


def written(trial, code: str, out: Path, progress=lambda done: None) -> bytes:
    making = Making(at=timezone.now(), at_words="today", by="me")
    audience = Audience.nobody(trial)
    write_casebook(audience=audience, codes=[code], making=making, out=out, progress=progress)
    return out.read_bytes()


def test_who_waits_sees_the_progress_of_each_group_and_may_cancel(trial, doctor, tmp_path, monkeypatch):
    """P11-02: a large casebook takes minutes. What the progress raises ends the setting, and no file is left."""
    found = full_patient(trial, doctor)
    in_groups_of(8_000, monkeypatch)
    seen: list[int] = []
    written(trial, found.code, tmp_path / "whole.pdf", seen.append)
    assert seen == sorted(seen)
    assert seen[0] == 70 < seen[1] < seen[-1] == 100
    assert len(seen) > 12

    def cancelled(done: int) -> None:
        if done > 85:
            raise Cancelled

    with pytest.raises(Cancelled):
        written(trial, found.code, tmp_path / "cancelled.pdf", cancelled)
    assert [each.name for each in tmp_path.iterdir()] == ["whole.pdf"]


def test_a_part_that_does_not_repeat_the_headings_it_goes_on_with_is_not_joined(pieces, tmp_path):
    """Headings of its own would be lost."""
    whole = tmp_path / "whole.pdf"
    whole.write_bytes(pieces[0].data)
    with pytest.raises(ValueError, match="does not begin with the headings"):
        join([whole, whole], tmp_path / "joined.pdf", [0, 1])


def test_a_file_of_another_program_is_not_joined(tmp_path: Path):
    other = tmp_path / "other.pdf"
    other.write_bytes(b"%PDF-1.7\nnothing of ours\nstartxref\n9\n%%EOF")
    with pytest.raises(ValueError, match="cross-reference table"):
        join([other, other], tmp_path / "joined.pdf")
    assert not (tmp_path / "joined.pdf").exists()
