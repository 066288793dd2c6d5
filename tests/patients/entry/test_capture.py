"""The page of any form of a protocol: every item type, no defaults, a label for each input, a round trip of values."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from crispy_forms.utils import render_crispy_form
from django.http import QueryDict

from patients.casebook.edit_checks import check_answers
from patients.casebook.form_content import sections
from patients.entry import answers
from patients.entry.capture_form import form_for
from patients.entry.form_page.field_context import FieldContext, Result
from protocol.checking.loading import load
from protocol.document.document import Protocol
from protocol.document.items import Form
from protocol.expressions.rules import rules_of
from protocol.expressions.scope import Scope
from protocol.values.parsing import Clock
from tests.support import build
from tests.support.protocols.every_type import EVERY_TYPE, VALUES

CLOCK = Clock("Europe/Brussels")


def protocol(slug: str) -> Protocol:
    return load(build.protocol_text(slug))


FORMS = [
    pytest.param(form, id=f"{slug}.{form.code}")
    for slug in (build.LIEGE, build.COVID_MSV, "third")
    for form in protocol(slug).forms.values()
]


class Inputs(HTMLParser):
    """Collects the inputs of a page as a browser would send them, and those without an accessible name."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[tuple[str, str]] = []
        self.selected: list[str] = []
        self.nameless: list[str] = []
        self.labels: set[str] = set()
        self.inputs: list[dict[str, str | None]] = []
        self._select = self._area = ""
        self._first: str | None = None
        self._chosen: str | None = None
        self._in_label = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "label":
            self._in_label += 1
            self.labels.add(found.get("for") or "")
        is_input = tag in ("input", "select", "textarea") and found.get("type") != "hidden"
        if is_input and not self._in_label and "aria-label" not in found:
            self.inputs.append(found)
        if tag == "input":
            if found.get("type") in ("radio", "checkbox"):
                if "checked" in found:
                    self.selected.append(found["name"] or "")
                    self.sent.append((found["name"] or "", found.get("value") or ""))
            # A file travels beside the text of a form: tests/patients/entry/test_attachments.py.
            elif found.get("type") != "file":
                self.sent.append((found["name"] or "", found.get("value") or ""))
        if tag == "select":
            self._select, self._first, self._chosen = found["name"] or "", None, None
        if tag == "option":
            if self._first is None:
                self._first = found.get("value") or ""
            if "selected" in found:
                self.selected.append(self._select)
                self._chosen = found.get("value") or ""
        if tag == "textarea":
            self._area, self._text = found["name"] or "", ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "label":
            self._in_label -= 1
        if tag == "select":
            chosen = self._first if self._chosen is None else self._chosen
            self.sent.append((self._select, chosen or ""))
        if tag == "textarea":
            # A browser drops the line break right after the start tag.
            self.sent.append((self._area, self._text.removeprefix("\n")))
            self._area = ""

    def handle_data(self, data: str) -> None:
        if self._area:
            self._text += data

    def posted(self) -> QueryDict:
        data = QueryDict(mutable=True)
        for name, text in self.sent:
            data.appendlist(name, text.replace("\n", "\r\n"))
        return data


def page(form: Form, **more: Any) -> Inputs:
    parsed = Inputs()
    parsed.feed(html(form, **more))
    return parsed


def html(form: Form, **more: Any) -> str:
    return str(render_crispy_form(form_for(form, clock=CLOCK, **more)))


@pytest.mark.parametrize("form", [*FORMS, pytest.param(EVERY_TYPE, id="every type")])
def test_a_new_form_has_no_defaults(form: Form) -> None:
    """DAT-01: nothing is chosen or filled in; units are shown beside empty fields."""
    new = page(form)
    assert new.selected == []
    filled = {name: text for name, text in new.sent if text and not name.endswith("-unit")}
    assert filled == {}
    assert answers.read(form, dict(new.posted().lists()), CLOCK).values == {}


@pytest.mark.parametrize("form", [*FORMS, pytest.param(EVERY_TYPE, id="every type")])
def test_every_input_has_a_name_to_be_read_out(form: Form) -> None:
    """UX: no input without a label, parts of dates and cells of tables included."""
    new = page(form)
    assert [found.get("name") for found in new.inputs if (found.get("id") or "?") not in new.labels] == []


@pytest.mark.parametrize("form", [*FORMS, pytest.param(EVERY_TYPE, id="every type")])
def test_no_page_breaks_the_content_security_policy(form: Form) -> None:
    text = html(form)
    assert not re.search(r"<style|<script|javascript:|<[^>]* (style|on[a-z]+)=", text)


def test_what_a_page_shows_is_what_it_sends_back() -> None:
    """DAT-10: opening a stored form and saving it unchanged changes nothing, whatever the type."""
    shown = page(EVERY_TYPE, values=VALUES)
    assert answers.read(EVERY_TYPE, dict(shown.posted().lists()), CLOCK) == answers.Answers(
        values=VALUES, rows={"series": {0: "r00000001", 1: "r00000002"}}
    )


@pytest.mark.parametrize("language", ["en", "fr", "es"])
def test_a_stored_form_survives_any_language(language: str) -> None:
    shown = page(EVERY_TYPE, values=VALUES, language=language)
    assert answers.read(EVERY_TYPE, dict(shown.posted().lists()), CLOCK).values == VALUES


def test_what_was_typed_is_shown_again_when_it_is_refused() -> None:
    typed = QueryDict(
        "count=1.5&hb=12,&hb-unit=g/dL&sex=M&since-year=21&series-0-sbp=high&story=%3Cb%3E", mutable=True
    )
    refused = answers.read(EVERY_TYPE, dict(typed.lists()), CLOCK).refused
    assert sorted(refused) == ["count", "hb", "series-0-sbp", "since"]
    again = page(EVERY_TYPE, data=typed).posted()
    for name, texts in typed.lists():
        assert again.getlist(name) == texts, name


def test_text_of_the_protocol_and_of_people_cannot_inject_markup() -> None:
    text = html(EVERY_TYPE, values=VALUES)
    assert "<script>" not in text
    assert "&lt;script&gt;" in text


def test_an_error_is_tied_to_its_field_and_to_its_cell() -> None:
    around = FieldContext(
        results={"count": (Result("error", "Too many."),), "series-1-sbp": (Result("error", "Too high."),)}
    )
    text = html(EVERY_TYPE, context=around)
    count = text.split('name="count"')[1].split(">")[0]
    assert 'aria-describedby="result-count"' in count
    assert 'aria-invalid="true"' in count
    assert text.count('aria-invalid="true"') == 2
    cell = text.split('name="series-1-sbp"')[1].split(">")[0]
    assert 'aria-label="Systolic (mmHg), row 2"' in cell
    assert 'aria-describedby="result-series-1-sbp"' in cell


def test_the_unit_is_part_of_the_name_of_a_field() -> None:
    text = html(EVERY_TYPE)
    assert '<label for="id_weight">Weight<span class="visually-hidden"> in kg</span>' in text
    assert 'aria-label="Unit of Haemoglobin"' in text


def test_the_repeated_hour_offers_both_readings() -> None:
    """TIM: the person chooses which."""
    typed = QueryDict("at=25-Oct-2026 02:30")
    offered = html(EVERY_TYPE, data=typed)
    assert 'name="at-offset" value="+02:00"' in offered
    assert 'name="at-offset" value="+01:00"' in offered


def test_more_rows_can_be_asked_for_without_javascript() -> None:
    typed = QueryDict("series-0-sbp=1&series-1-sbp=&series-2-sbp=")
    assert html(EVERY_TYPE, data=typed).count('scope="row"') == 4
    grown = FieldContext(more_rows="series")
    assert html(EVERY_TYPE, data=typed, context=grown).count('scope="row"') == 6


def test_a_form_reads_in_words() -> None:
    """The read-only page: values, units, missing codes as text, tables as tables."""
    (section,) = sections(EVERY_TYPE, VALUES, "en")
    words = {line.name: line.words for line in section.lines}
    assert words == {
        "count": "7",
        "hb": "12.5 g/dL (125 g/L)",
        "weight": "Not done: no scale",
        "word": "007 ",
        "story": "two\nlines <script>",
        "sex": "Choice F",
        "organ": "Choice C",
        "signs": "Choice A, Choice C",
        "agreed": "No",
        "on": "09-Oct-2025",
        "since": "UNK-JAN-2021",
        "clock": "09:05",
        "at": "25-Oct-2026 02:30 +01:00",
        "twice": "",
        "series": "",
    }
    table = section.lines[-1]
    assert table.columns == ["Point", "Time", "Systolic (mmHg)", "Onset"]
    assert [[cell for cell, _flag in row] for row in table.rows] == [
        ["Choice T0", "10:20", "124", "UNK-UNK-2021"],
        ["Unknown", "Not done: clock broken", "", "05-Jan-2021"],
    ]


@pytest.mark.parametrize("slug", [build.LIEGE, build.COVID_MSV, "third"])
def test_an_empty_form_asks_for_something_and_forbids_nothing(slug: str) -> None:
    """A blank form fires no check and stores nothing, whatever the protocol."""
    rules = protocol(slug)
    for form in rules.forms.values():
        judged = check_answers(form, rules_of(rules).form(form.code), Scope({}, form=form.code))
        assert judged.values == {}
        assert judged.findings == ()
        assert judged.unanswered, form.code
