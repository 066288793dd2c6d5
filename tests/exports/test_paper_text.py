"""Typed text on paper: never interpreted as markup, never cut off."""

import json
import re
from typing import Any

import pytest

from exports.paper import compositor, labels
from exports.paper.audience import Audience
from exports.paper.casebook import head
from exports.paper.crf import form_parts, schedule
from tests.support import build
from tests.support.pages.paper import Paper
from tests.support.study.casebooks import book

pytestmark = pytest.mark.django_db

CODE = "MSC20260001LOT0123456789ABCDEFGHIJKLMNOP"
TRICKY = (
    '#eval("1+1")', "*bold* _under_ `code`", "] ) } $x^2$ @label <tag>", "\\ \\u{41} #{x}", "= heading",
    "- item\n+ item", "=1+1", "“quoted” – em—dash", "Müller Ñandú Œuvre", "مرحبا", "a/b//c /* comment */ // end",
    "https://example.org/x?a=1",
)  # fmt: skip


class TestText:
    @pytest.fixture
    def told(self, trial, doctor, tmp_path):
        def told(text: str) -> Paper:
            found = build.patient(trial=trial)
            build.event(patient=found, by=doctor, description=text)
            return book(trial, tmp_path, patient=found.code)

        return told

    def test_text_is_never_markup(self, told):
        """SEC-15: text that looks like a template command, an expression or a comment is printed as typed."""
        paper = told("\n".join(TRICKY))
        missing = [text for text in TRICKY if text != "مرحبا" and not paper.holds(text)]
        assert missing == []
        # Arabic letters are extracted in visual or in reading order, so only their presence is checked.
        assert all(letter in "".join(paper.pages) for letter in "مرحبا")

    def test_a_character_without_a_glyph_is_printed_as_its_number(self, told):
        """No character is omitted silently, and none makes a document fail."""
        paper = told("happy 😀, cell 細, tab\tend")
        for words in ("happy ‹U+1F600›", "cell ‹U+7D30›", "tab end"):
            assert paper.holds(words)

    def test_very_long_text_is_broken_and_not_cut_off(self, told):
        word = "W" * 800 + "Z"
        paper = told(f"{word} end of it")
        assert paper.holds(f"{word} end of it")

    def test_where_a_line_may_break_no_sign_is_left_in_the_text(self, told):
        """Whoever searches a document for a code, or copies a checksum, finds what is printed and nothing between."""
        checksum = "2026" * 16
        paper = told(f"{checksum} P11-22")
        whole = "".join(paper.pages)
        assert "\u200b" not in whole
        assert checksum in re.sub(r"\n", "", whole)

    @pytest.mark.parametrize("template", ["visit_report", "crf", "pack"])
    def test_a_long_code_is_found_whole_in_every_document(self, trial, template):
        """P11-02, BKP-02: also in the title; where it is broken, only the end of a line stands in it."""
        content = {**head(Audience.nobody(trial), ["LIE-001"]), **_with_code(template, trial)}
        content["title"] = CODE
        content["words"] |= {
            name: str(words) for name, words in {**labels.VISIT_REPORT, **labels.CRF}.items()
        }
        made = {"at": "now", "by": "me", "sha256": "2026" * 16, "version": "0", "timestamp": 1_700_000_000}
        paper = Paper(compositor.pdf(template, json.loads(json.dumps(content, default=str)), made))
        whole = "".join(paper.pages)
        assert "\u200b" not in whole
        # On the cover and in the document; the checksum at the foot of each page.
        assert whole.replace("\n", "").count(CODE) == 2
        assert whole.replace("\n", "").count("2026" * 16) == len(paper.pages)
        assert paper.reader.metadata.title == f"NCT04445454: {CODE}"

    def test_names_and_reasons_are_not_markup_either(self, trial, tmp_path):
        """Markup stored in a person's name is printed as text on every page."""
        person = build.user("data_manager", trial=trial, full_name='#read("/etc/passwd") *O’Neil* [x]')
        found = build.patient(trial=trial, by=person)
        paper = book(trial, tmp_path, patient=found.code, user=person.get_username())
        assert paper.holds("Generated")
        assert all("*O’Neil*[x]" in page.replace(" ", "") for page in paper.pages)


def _with_code(template: str, trial) -> dict[str, Any]:
    """Return the content of a document that has the code once, in a cell of a table."""
    if template == "crf":
        rules = trial.protocol.rules
        forms = list(form_parts(rules, "en", annotated=True))
        forms[0]["groups"][0]["items"][0]["label"] = CODE
        return {"annotated": True, "schedule": schedule(rules, "en"), "parts": forms}
    if template == "pack":
        table = {
            "title": "Lots", "how": "", "columns": ["Lot", "Bags"], "rows": [[CODE, "1"]], "strong": [], "texts": [0],
            "wide": [], "empty": "", "note": "",
        }  # fmt: skip
        part = {"title": "Product", "tables": [table], "figures": []}
        return {"moment": "Today.", "flipped": False, "parts": [part]}
    query = {
        "form": "Demography", "item": "Sex", "opened": "today", "by": "Monitor", "state": "Open", "text": CODE,
        "thread": [], "closed": "", "because": "",
    }  # fmt: skip
    lists = {"verified": [], "undone": [], "raised": [query], "open": [], "unverified": []}
    return {"parts": [{"code": "LIE-001", "state": "Screening", "closed": 0, "complete": 1, **lists}]}
