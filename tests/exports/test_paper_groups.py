"""A casebook of many pages is set in groups of patients and joined: the paper stays the same, the memory small."""

import re
from pathlib import Path

import pypdfium2
import pytest
from pypdf import PdfReader
from pypdf.generic import Destination

from exports.paper import typesetting
from exports.paper.joining import join
from tests.support import build
from tests.support.pages.paper import Paper
from tests.support.study.casebooks import book, full_patient

pytestmark = [pytest.mark.django_db, pytest.mark.one_engine]
TABLE_OF_CONTENTS = {"/TOC", "/TOCI", "/Reference", "/Link", "/Document", "/P"}


@pytest.fixture
def papers(trial, doctor, tmp_path, monkeypatch) -> tuple[Paper, Paper]:
    """The casebooks of three patients, set as one document and set patient by patient."""
    full_patient(trial, doctor)
    for _each in range(2):
        build.event(patient=build.enrolled(trial=trial, investigator=doctor), by=doctor)
    person = build.user("data_manager", trial=trial).get_username()
    whole = book(trial, tmp_path, user=person)
    monkeypatch.setattr(typesetting, "PART_BYTES", 1000)
    return whole, book(trial, tmp_path, user=person)


def words(page: str) -> str:
    """Return the text of a page without the moment and the hash at its foot, spaces and leader dots."""
    page = re.sub(r"Generated.*?,|SHA-256 of the data [0-9a-f]+", "", page, flags=re.DOTALL)
    return re.sub(r"[\s.]+", "", page)


def bookmarks(reader: PdfReader, found: list | None = None, level: int = 0) -> list[tuple[int, str, int]]:
    told = []
    for each in reader.outline if found is None else found:
        if isinstance(each, Destination):
            told.append((level, each.title, reader.get_destination_page_number(each)))
        else:
            told += bookmarks(reader, each, level + 1)
    return told


def test_the_pages_are_the_same_and_numbered_through(papers):
    """CTL-03, P11-02: page n of m, subject and version at the head, over all groups."""
    whole, joined = papers
    assert len(joined.pages) == len(whole.pages) > 20
    for number, (one, other) in enumerate(zip(whole.pages, joined.pages, strict=True), start=1):
        assert f"Page {number} of {len(whole.pages)}" in other
        assert words(one) == words(other), number


def test_bookmarks_and_contents_lead_to_the_same_pages(papers):
    whole, joined = papers
    assert bookmarks(joined.reader) == bookmarks(whole.reader)
    assert len({level for level, _title, _page in bookmarks(joined.reader)}) > 1
    pages = [page.indirect_reference.idnum for page in joined.reader.pages]
    links = [each.get_object() for page in joined.reader.pages for each in page.get("/Annots", [])]
    led = [pages.index(link["/Dest"][0].idnum) for link in links]
    assert led == [page for level, _title, page in bookmarks(joined.reader) if level == 0]
    assert all(link["/Contents"] for link in links)


def test_the_tags_are_the_same_and_every_mark_belongs_to_its_page(papers):
    """PDF/UA-1: one tree over all groups; a screen reader finds each text in it, and each cell its header."""
    whole, joined = papers
    one, other = (
        [tag for tag in paper.structure() if tag not in TABLE_OF_CONTENTS] for paper in (whole, joined)
    )
    assert other == one
    root = joined.root["/StructTreeRoot"]
    numbers = root["/ParentTree"]["/Nums"]
    elements = dict(zip(numbers[::2], (each.get_object() for each in numbers[1::2]), strict=True))
    assert sorted(elements) == list(range(root["/ParentTreeNextKey"]))
    for page in joined.reader.pages:
        held = elements[page["/StructParents"]]
        assert len(held) > 3
        assert all(page.indirect_reference.idnum in _pages_of(element.get_object()) for element in held)
    names = root["/IDTree"]["/Names"][::2]
    assert list(names) == sorted(set(names))
    used = {name for element in _elements(root) for each in _headers(element) for name in each}
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


def test_the_joined_file_is_whole(papers):
    """PDF/UA-1: title, language and standard; another reader opens every page."""
    whole, joined = papers
    assert joined.root["/Lang"] == whole.root["/Lang"] == "en"
    assert joined.reader.metadata.title == whole.reader.metadata.title
    told = joined.root["/Metadata"].get_data()
    assert b"pdfuaid:part>1<" in told
    assert b"<xmpTPg:NPages>%d<" % len(joined.pages) in told
    joined.reader.stream.seek(0)
    document = pypdfium2.PdfDocument(joined.reader.stream.read())
    assert len(document) == len(joined.pages)
    for page in document:
        assert page.get_textpage().count_chars() > 100


def test_a_file_of_another_program_is_not_joined(tmp_path: Path):
    other = tmp_path / "other.pdf"
    other.write_bytes(b"%PDF-1.7\nnothing of ours\nstartxref\n9\n%%EOF")
    with pytest.raises(ValueError, match="cross-reference table"):
        join([other, other], tmp_path / "joined.pdf")
    assert not (tmp_path / "joined.pdf").exists()
