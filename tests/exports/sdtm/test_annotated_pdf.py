"""The annotated forms as PDF, and the pages of it to which Define-XML refers (P11-02)."""

import csv
import io
from functools import cache

import pytest
from django.core.management import CommandError, call_command
from lxml import etree

from exports.paper import typesetting
from exports.sdtm.acrf.chapters import chapters
from exports.sdtm.acrf.document import annotated_forms
from exports.sdtm.acrf.references import PageReferences
from exports.sdtm.annotations import annotated
from exports.sdtm.define import DEF, ODM, XLINK
from exports.sdtm.pages import AnnotationRow
from exports.sdtm.standard.tables import domains
from exports.sdtm.study import Study
from protocol.checking.loading import load
from tests.support import build
from tests.support.pages.paper import Paper, joined
from tests.support.study import amended_protocol
from tests.support.study.tabulated import Package

pytestmark = [pytest.mark.django_db, pytest.mark.one_engine]
SPACES = {"odm": ODM, "def": DEF}
BLOCKS = "block_sizes = [2, 4]"


@cache
def read(pdf: bytes) -> Paper:
    return Paper(pdf)


def collected(package: Package) -> dict[str, list[int]]:
    """Return the pages to which each collected variable and value of Define-XML refers, by its OID."""
    found = {}
    for item in etree.fromstring(package.files["define.xml"]).iter(f"{{{ODM}}}ItemDef"):
        origin = item.find("def:Origin[@Type='Collected']", SPACES)
        if origin is not None:
            (document,) = origin.findall("def:DocumentRef", SPACES)
            assert document.get("leafID") == "LF.acrf"
            (pages,) = document.findall("def:PDFPageRef", SPACES)
            assert pages.get("Type") == "PhysicalRef"
            found[item.get("OID", "")] = [int(page) for page in pages.get("PageRefs", "").split()]
    return found


def test_every_variable_that_was_collected_refers_to_pages_that_name_it(each):
    """P11-02: the name of the variable stands on each page that Define-XML states, as another reader finds it."""
    pages, checked = read(each.files["acrf.pdf"]).pages, 0
    for oid, numbers in collected(each).items():
        _it, data_set, name, *value = oid.split(".")
        if value:
            continue
        assert numbers == sorted(set(numbers)) != [], oid
        for number in numbers:
            words = joined(pages[number - 1])
            assert name in words, (oid, number)
            assert data_set in words, (oid, number)
            checked += 1
    assert checked > 100


def test_every_value_that_was_collected_refers_to_the_pages_of_its_annotation(each):
    """P11-02: results and qualifiers, with the whole words of the table."""
    pages, rows, checked = read(each.files["acrf.pdf"]).pages, each.annotations(), 0
    for oid, numbers in collected(each).items():
        _it, data_set, _name, *value = oid.split(".")
        if not value:
            continue
        key = "QNAM" if data_set.startswith("SUPP") else f"{data_set}TESTCD"
        names = {value[0], value[0].rstrip("123456789")}
        words = {
            joined(f"{data_set}: {row['annotation']}")
            for row in rows
            if row["data set"] == data_set
            and (names & {text.split()[0] for text in row["annotation"].split(f"{key} = ")[1:]})
        }
        assert numbers != [], oid
        if not words:
            # A long text that goes on: the qualifier is annotated where the text begins.
            words = {joined(f"{data_set.removeprefix('SUPP')}: {value[0].rstrip('123456789')}")}
        for number in numbers:
            assert any(text in joined(pages[number - 1]) for text in words), (oid, number, words)
            checked += 1
    assert checked > 20


def test_the_forms_have_every_row_of_the_table(each):
    """P11-02: table and PDF are made of the same words: label and annotation of each row."""
    paper = read(each.files["acrf.pdf"])
    rows = each.annotations()
    for row in rows:
        words = f"{row['data set']}: {row['annotation']}" if row["data set"] else row["annotation"]
        assert paper.holds(words), row
        assert paper.holds(row["label"]), row
    assert any(row["annotation"].startswith("[NOT SUBMITTED]: ") for row in rows)


def test_a_form_is_a_chapter_with_a_bookmark_and_each_visit_has_one(liege):
    """P11-02: reviewers go by form and by visit; the document is tagged."""
    paper = read(liege.files["acrf.pdf"])
    forms: list[str] = []
    visits: list[str] = []
    for entry in paper.reader.outline:
        if isinstance(entry, list):
            visits += [str(each.title) for each in entry]
        else:
            forms.append(str(entry.title))
            page = paper.reader.get_destination_page_number(entry)
            assert joined(str(entry.title)) in joined(paper.pages[page])
    trial = build.trial(build.LIEGE)
    assert {form.title.in_language("en") for form in trial.rules.forms.values()} <= set(forms)
    assert {visit.title.in_language("en") for visit in trial.rules.visits} <= set(visits)
    assert {"H1", "H2", "TH", "TD"} <= {tag.strip("/") for tag in paper.structure()}
    assert paper.root["/Lang"] == "en"


def test_the_metadata_name_the_document(each):
    """P11-02: def:AnnotatedCRF and its leaf; the table is a supplemental document."""
    root = etree.fromstring(each.files["define.xml"])
    leaves = {leaf.get("ID"): leaf.get(f"{{{XLINK}}}href") for leaf in root.iter(f"{{{DEF}}}leaf")}
    (forms,) = root.findall(".//def:AnnotatedCRF/def:DocumentRef", SPACES)
    assert leaves[forms.get("leafID")] == "acrf.pdf"
    others = root.findall(".//def:SupplementalDoc/def:DocumentRef", SPACES)
    assert [leaves[other.get("leafID")] for other in others] == ["reviewers_note.md", "acrf.csv"]


@pytest.mark.parametrize("slug", [build.LIEGE, build.COVID_MSV])
def test_every_variable_that_may_be_collected_has_a_page(slug):
    """P11-02: whatever data a trial will have, no annotated variable and no value lacks its page."""
    trial = build.trial(slug)
    study = Study(trial, sees_treatment=True)
    references = annotated_forms(study, version="1").references
    for row in annotated([trial.rules], with_masked=True):
        if not row.data_set:
            continue
        for found in PageReferences.codes(row):
            assert references.of_value(row.data_set, found, [row.source]), row
        if row.data_set in domains() and row.data_set != "RELREC":
            first = row.words.split()[0].strip(";")
            assert references.of_variable(row.data_set, first), row


def test_the_same_protocol_gives_the_same_bytes_whatever_the_patients(liege):
    """P11-02: no data of patients, no moment and no name of who made it."""
    trial = build.trial(build.LIEGE)
    made = annotated_forms(Study(trial, sees_treatment=True), version="1")
    assert made.pdf == liege.files["acrf.pdf"]


def test_a_masked_document_has_neither_products_nor_masked_results(packages):
    """BLD-03: what tells the arm stands in no document of who may not know it."""
    hidden, shown = (read(packages[name].files["acrf.pdf"]) for name in ("masked", build.COVID_MSV))
    for words in (
        "EXDOSE",
        "QNAM = DONORID",
        "Products of the infusions",
        "Deviations of the product",
        "HLA1AB",
    ):
        assert not hidden.holds(words), words
    for words in (
        "EXADJ",
        "QNAM = DONORID",
        "Products of the infusions",
        "Deviations of the product",
        "HLA1AB",
    ):
        assert shown.holds(words), words


def test_the_document_does_not_depend_on_the_allocation():
    """BLD-07: a protocol with blocks of another size has the same chapters, so nobody learns them here."""
    made = []
    for blocks in (BLOCKS, "block_sizes = [6]"):
        text = build.protocol_text(build.COVID_MSV)
        assert text.count(BLOCKS) == 1
        rules = load(text.replace(BLOCKS, blocks))
        assert rules.allocation is not None
        made.append((rules.allocation.block_sizes, chapters([rules], with_masked=False)))
    assert made[0][0] != made[1][0]
    assert made[0][1] == made[1][1]


class TestChapters:
    @pytest.fixture
    def rules(self):
        """Two versions: the second one differs in a form."""
        trial = build.version(amended_protocol.text("1.0")).trial
        build.version(amended_protocol.text("1.1"), effective_from=amended_protocol.IN_FORCE)
        return [each.rules for each in Study(trial, sees_treatment=True).versions.values()]

    def test_a_form_that_two_versions_have_alike_is_one_chapter(self, rules):
        """P11-02: and one that an amendment changed is a chapter for each version, beside each other."""
        found = [each for each in chapters(rules, with_masked=True) if each.versions]
        versions: dict[str, list[tuple[str, ...]]] = {}
        for each in found:
            versions.setdefault(each.code, []).append(each.versions)
        assert ("1.0", "1.1") in [one for several in versions.values() for one in several]
        assert [("1.0",), ("1.1",)] in versions.values()
        assert [each.code for each in found] == [
            code for code, several in versions.items() for _one in several
        ]

    def test_every_row_is_in_a_chapter_of_its_version(self, rules):
        """P11-02: none is lost where versions share a chapter."""
        found = chapters(rules, with_masked=True)
        rows = {
            (version, *row[1:])
            for each in found
            for row in each.rows
            for version in each.versions or (row.version,)
        }
        assert rows == {tuple(row) for row in annotated(rules, with_masked=True)}

    def test_a_page_that_is_no_form_is_one_chapter(self, rules):
        """P11-02: the rows of a table stand together."""
        pages = [each.code for each in chapters(rules, with_masked=True) if not each.versions]
        assert len(pages) == len(set(pages)) > 10


class TestReferences:
    def found(self) -> PageReferences:
        made = PageReferences()
        for form, page, words in (
            ("one", 3, "VSORRES when VSTESTCD = TEMP"),
            ("two", 5, "VSORRES when VSTESTCD = TEMP and VSCAT = LATER"),
            ("two", 4, "VSORRES when VSTESTCD = TEMPX"),
        ):
            made.add(AnnotationRow("1", form, "temp", "", "VS", words), ["VSORRES"], page)
        made.add(AnnotationRow("1", "why", "x", "", "SUPPDS", "QVAL when QNAM = EXPLAIN"), ["QVAL"], 7)
        made.add(AnnotationRow("1", "end", "x", "", "DS", "DSTERM when DSDECOD = DEATH"), ["DSTERM"], 6)
        return made

    def test_a_result_is_looked_for_in_the_items_it_comes_from(self):
        """P11-02: two forms share a test; a longer code is another test."""
        found = self.found()
        assert found.of_value("VS", "TEMP") == [3, 5]
        assert found.of_value("VS", "TEMP", ["two.temp"]) == [5]
        assert found.of_value("VS", "TEMPX") == [4]
        assert found.of_value("VS", "PULSE") == []
        assert found.of_variable("VS", "VSORRES") == [3, 4, 5]
        assert found.of_variable("DS", "VSORRES") == []

    def test_a_text_that_goes_on_is_annotated_where_it_begins(self):
        """P11-02: in a variable of the domain, or in another qualifier whose name is cut to seven characters."""
        found = self.found()
        assert found.of_value("SUPPDS", "DSTERM1") == [6]
        assert found.of_value("SUPPDS", "EXPLAIN2") == [7]
        assert found.of_value("SUPPDS", "OTHER1") == []


def test_without_a_typesetting_program_the_package_is_refused_in_words(trial, tmp_path, monkeypatch):
    """P11-02: no package without its annotated forms."""
    monkeypatch.setattr(typesetting, "find_spec", lambda name: None)
    with pytest.raises(CommandError, match="worker"):
        call_command("export", trial=trial.slug, format="sdtm", out=tmp_path / "a.zip", stdout=io.StringIO())
    assert not (tmp_path / "a.zip").exists()


def test_the_table_in_the_package_is_that_of_the_forms(liege):
    """P11-02: acrf.csv stays beside the PDF, for programs."""
    rows = list(csv.reader(io.StringIO(liege.files["acrf.csv"].decode("utf-8"), newline="")))
    rules = build.trial(build.LIEGE).rules
    assert rows[1:] == [list(row) for row in annotated([rules], with_masked=True)]
