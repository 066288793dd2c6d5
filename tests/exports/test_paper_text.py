"""Typed text on paper: never interpreted as markup, never cut off."""

import re

import pytest

from tests.support import build
from tests.support.pages.paper import Paper
from tests.support.study.casebooks import book

pytestmark = pytest.mark.django_db

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

    def test_names_and_reasons_are_not_markup_either(self, trial, tmp_path):
        """Markup stored in a person's name is printed as text on every page."""
        person = build.user("data_manager", trial=trial, full_name='#read("/etc/passwd") *O’Neil* [x]')
        found = build.patient(trial=trial, by=person)
        paper = book(trial, tmp_path, patient=found.code, user=person.get_username())
        assert paper.holds("Generated")
        assert all("*O’Neil*[x]" in page.replace(" ", "") for page in paper.pages)
