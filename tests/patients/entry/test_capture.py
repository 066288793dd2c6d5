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
from patients.entry.field_context import FieldContext, Result
from protocol.checking.loading import load
from protocol.document.document import Protocol
from protocol.document.items import Form
from protocol.expressions.rules import Scope, rules_of
from protocol.values.parsing import Clock, NotOffered, ValueRefused
from protocol.values.row_ids import is_row_id
from tests.support import build

CLOCK = Clock("Europe/Brussels")


def protocol(slug: str) -> Protocol:
    return load(build.protocol_text(slug))


FORMS = [
    pytest.param(form, id=f"{slug}.{form.code}")
    for slug in (build.LIEGE, build.COVID_MSV, "third")
    for form in protocol(slug).forms.values()
]


def choices(*codes: str) -> list[dict[str, Any]]:
    return [{"code": code, "label": {"en": f"Choice {code}"}} for code in codes]


EVERY_TYPE = Form.model_validate(
    {
        "code": "all",
        "title": {"en": "Everything <b>"},
        "items": [
            {"name": "count", "type": "integer", "label": {"en": "Count"}},
            {
                "name": "hb",
                "type": "decimal",
                "label": {"en": "Haemoglobin"},
                "unit": "g/L",
                "units": [{"unit": "g/dL", "factor": "10"}],
            },
            {
                "name": "weight",
                "type": "decimal",
                "label": {"en": "Weight"},
                "unit": "kg",
                "soft": ["40", "200"],
            },
            {"name": "word", "type": "text", "label": {"en": "Word"}, "max_length": 20},
            {"name": "story", "type": "text", "label": {"en": "Story"}, "required": False},
            {"name": "sex", "type": "choice", "label": {"en": "Sex"}, "choices": choices("F", "M")},
            {"name": "organ", "type": "choice", "label": {"en": "Organ"}, "choices": choices(*"ABCDEFGH")},
            {"name": "signs", "type": "choices", "label": {"en": "Signs"}, "choices": choices("C", "A", "B")},
            {"name": "agreed", "type": "yes_no", "label": {"en": "Agreed"}},
            {"name": "on", "type": "date", "label": {"en": "Day"}},
            {"name": "since", "type": "partial_date", "label": {"en": "Since"}},
            {"name": "clock", "type": "time", "label": {"en": "Clock"}},
            {"name": "at", "type": "datetime", "label": {"en": "Moment"}, "help": {"en": "On the ward."}},
            {"name": "twice", "type": "decimal", "label": {"en": "Twice"}, "calculate": "weight * 2.0"},
            {
                "name": "series",
                "type": "rows",
                "label": {"en": "Series"},
                "max_rows": 12,
                "columns": [
                    {
                        "name": "point",
                        "type": "choice",
                        "label": {"en": "Point"},
                        "choices": choices("T0", "T1"),
                    },
                    {"name": "time", "type": "time", "label": {"en": "Time"}},
                    {"name": "sbp", "type": "integer", "label": {"en": "Systolic"}, "unit": "mmHg"},
                    {"name": "onset", "type": "partial_date", "label": {"en": "Onset"}},
                ],
            },
        ],
    }
)
VALUES: dict[str, Any] = {
    "count": "7",
    "hb": {"value": "125.0", "entered": "12.5", "unit": "g/dL"},
    "weight": {"missing": "ND", "reason": "no scale"},
    "word": "007 ",
    "story": "two\nlines <script>",
    "sex": "F",
    "organ": "C",
    "signs": ["A", "C"],
    "agreed": "N",
    "on": "2025-10-09",
    "since": "2021-01",
    "clock": "09:05",
    "at": "2026-10-25T02:30+01:00[Europe/Brussels]",
    "series": [
        {"_row": "r00000001", "point": "T0", "time": "10:20", "sbp": "124", "onset": "2021"},
        {
            "_row": "r00000002",
            "point": {"missing": "UNK"},
            "time": {"missing": "ND", "reason": "clock broken"},
            "onset": "2021-01-05",
        },
    ],
}


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


@pytest.mark.parametrize(
    "sent",
    [
        "colour=red",
        "count-unit=kg&count=1",
        "count-x=1",
        "count-0-a=1",
        "sex=X",
        "sex=F&sex=M",
        "signs=A&signs=Z",
        "agreed=maybe",
        "hb=1&hb-unit=mol",
        "count-missing=LOST",
        "twice=9",
        "twice-missing=ND",
        "series-0-colour=red",
        "series-x-sbp=1",
        "series-999-sbp=1",
        "series-0=1",
        "series-0-sbp-unit=kg&series-0-sbp=1",
        "series-0-point=T9",
        "at=9oct25 14:05&at-offset=%2B9",
        "colour-confirm=yes",
        "series-0-colour-confirm=yes",
    ],
)
def test_an_input_that_no_page_makes_is_distinguished(sent: str) -> None:
    """DAT-04: a forged request is not treated as a typing error."""
    with pytest.raises(NotOffered):
        answers.read(EVERY_TYPE, dict(QueryDict(sent).lists()), CLOCK)


def test_empty_and_removed_rows_fall_away_and_errors_stay_with_their_row() -> None:
    sent = QueryDict(
        "series-0-sbp=1&series-1-sbp=&series-2-sbp=2&series-2-remove=1&series-3-sbp=x&series-5-sbp=5"
        "&series-0-_row=r00000001&series-1-_row=r00000002&series-5-_row="
    )
    found = answers.read(EVERY_TYPE, dict(sent.lists()), CLOCK)
    new = found.rows["series"][5]
    assert is_row_id(new)
    assert found.values == {"series": [{"_row": "r00000001", "sbp": "1"}, {"_row": new, "sbp": "5"}]}
    assert list(found.refused) == ["series-3-sbp"]
    assert found.sent_path(f"series-{new}-sbp") == "series-5-sbp"
    assert sorted(found.rows["series"]) == [0, 1, 3, 5]


def test_a_new_row_of_one_page_gets_the_same_id_at_each_reading() -> None:
    """REL-13: a second click on one page finds the row of the first; on another page the row is another."""
    first, again, other = (
        answers.read(EVERY_TYPE, {"series-0-sbp": ["1"], "_key": [key]}, CLOCK).values["series"]
        for key in ("a", "a", "b")
    )
    assert first == again
    assert first != other


def test_a_table_is_either_filled_or_missing_and_has_its_most_rows() -> None:
    def read(sent: str) -> answers.Answers:
        return answers.read(EVERY_TYPE, dict(QueryDict(sent).lists()), CLOCK)

    assert read("series-missing=ND&series-reason=no+time").values == {
        "series": {"missing": "ND", "reason": "no time"}
    }
    assert str(read("series-missing=ND&series-0-sbp=1").refused["series"]).startswith("Give either the rows")
    many = "&".join(f"series-{row}-sbp=1" for row in range(13))
    assert str(read(many).refused["series"]) == "At most 12 rows are kept."


def test_a_confirmation_follows_its_row_to_where_it_is_stored() -> None:
    found = answers.read(
        EVERY_TYPE,
        dict(QueryDict("series-4-sbp=9&series-4-sbp-confirm=seen&weight-confirm=+").lists()),
        CLOCK,
    )
    assert found.confirmations == {f"series-{found.rows['series'][4]}-sbp": "seen"}


@pytest.mark.parametrize("value", [{"series": [{"colour": "1"}]}, {"colour": "1"}])
def test_a_stored_value_of_an_unknown_item_is_refused(value: dict[str, Any]) -> None:
    with pytest.raises(NotOffered):
        answers.check(EVERY_TYPE, value)


@pytest.mark.parametrize(
    "value", [{"series": [{"sbp": "1,5"}]}, {"count": 5}, {"sex": ["F"]}, {"signs": "A"}]
)
def test_a_stored_value_of_another_shape_is_refused(value: dict[str, Any]) -> None:
    with pytest.raises(ValueRefused):
        answers.check(EVERY_TYPE, value)


def test_every_stored_value_passes_its_own_check() -> None:
    assert answers.check(EVERY_TYPE, VALUES) == VALUES


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
