"""Queries in words: what one is about, its value now, its address, and the columns of the listing."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from patients.casebook.facts import Fact, fact_asked, facts_asked, kind_of
from patients.casebook.navigation import record_address
from patients.casebook.row_words import cell_label
from patients.models import Query, QueryRow, Record
from patients.queries.asked_values import value_asked
from protocol.values.parsing import display
from trials.listing import Column, choice_text
from trials.reader import reader_language, shown_day, shown_moment


def query_address(query: QueryRow, slug: str) -> str:
    """Return the address of the query's own page."""
    return reverse(query.pages, args=[slug, query.pk])


def field_address(query: QueryRow, slug: str, *, at: str = "") -> str:
    """Return the address of the query's field or fact, or of the query's own page if the form was struck out.

    at: id of the element to go to, by default the field.
    """
    record = query.record
    if record is None:
        where = [slug, query.patient.code, query.target, query.target_id, query.item]
        kind = kind_of(query.target)
        return reverse(kind.fact_page if kind else "patients:fact", args=where) + (f"#{at}" if at else "")
    if record.state == Record.State.STRUCK_OUT:
        return query_address(query, slug)
    return f"{record_address(record, slug)}?field={query.item}#{at or query.item}"


def fact_of(query: QueryRow) -> Fact:
    """Return the fact of a query that is not about a form. Without `with_facts` before, three queries."""
    found: Fact = getattr(query, "fact", None) or fact_asked(query)
    return found


def with_facts(rows: Sequence[QueryRow]) -> None:
    """Set `fact` on each query that is not about a form. Three queries for each kind of row, none without any."""
    found = facts_asked(rows)
    for row in rows:
        if row.pk in found:
            row.fact = found[row.pk]  # type: ignore[attr-defined]


def with_values(rows: Sequence[QueryRow]) -> None:
    """Set patient and values on the record of each query, and the facts of the others. One query for the values."""
    asked = {row.record_id for row in rows if row.record_id}
    values = dict(Record.objects.filter(pk__in=asked).values_list("pk", "values")) if asked else {}
    for row in rows:
        if row.record is not None:
            row.record.patient, row.record.values = row.patient, values[row.record_id]
    with_facts(rows)


def item_words(record: Record, item: str) -> str:
    """Return form title and item label in the reader's language; the item's name if the form no longer has it."""
    form, language = record.protocol.rules.form(record.form), reader_language()
    label = form.item(item).label.in_language(language) if item in form else item
    return f"{form.title.in_language(language)} – {label}"


def query_words(query: QueryRow) -> str:
    """Return form title and item label of a query; for a query on a cell also its row and value.

    Reads query.record with its protocol, and its values for a query on a cell.
    """
    record = query.record
    if record is None:
        return fact_of(query).words
    if not query.row:
        return item_words(record, query.item)
    form, values = record.protocol.rules.form(record.form), record.values
    item = form.item(query.item) if query.item in form else None
    return f"{form.title.in_language(reader_language())} – {cell_label(item, values, query)}"


def value_words(query: QueryRow) -> str:
    """Return the value asked about as it is now, as text; empty for a table, whose label names the cell."""
    record = query.record
    if record is None:
        return fact_of(query).value
    form = record.protocol.rules.form(record.form)
    if query.row or query.item not in form or form.item(query.item).columns:
        return ""
    return display(record.values.get(query.item), form.item(query.item), reader_language(), _)


def stored_value(query: QueryRow) -> str:
    """Return the value asked about as it is stored now, the same for every reader."""
    if query.record is None:
        return fact_of(query).compared
    return value_asked(query.record.values, query.item, query.row, query.column)


def row_number(query: QueryRow) -> int | None:
    """Return the number of the row of a log, of the event or of the infusion; None for what has none."""
    record = query.record
    if record is None:
        number = None if query.target == Query.Target.DISPOSITION else fact_of(query).row
        return getattr(number, "number", None)
    return None if record.visit_id else record.repeat


def _visit(query: QueryRow, name: str) -> Any:
    """Return what a visit has under a name: the visit of the form or of the infusion."""
    visit = query.record.visit if query.record else getattr(fact_of(query).row, "visit", None)
    return getattr(visit, name) if visit else None


def day_of_row(query: QueryRow) -> str:
    """Return the day of the event, infusion, consent, decision or end of study, as it is stored; empty for a form."""
    return "" if query.record_id else fact_of(query).kind.day(fact_of(query).row)


def _day_words(query: QueryRow) -> str:
    if query.record_id:
        return ""
    fact = fact_of(query)
    day = getattr(fact.row, fact.kind.day_column) if fact.kind.day_column else ""
    if isinstance(day, str | datetime):
        return shown_moment(day, fact.patient.trial.zone)
    return shown_day(day) if day else ""


def _visit_text(query: QueryRow) -> str:
    held = _visit(query, "held_on")
    words = shown_day(held) if held else _day_words(query)
    return " · ".join(filter(None, [_visit(query, "key") or "", words]))


def _thread_lines(query: QueryRow) -> list[str]:
    """Return the messages after the question; empty unless `add_threads` was called."""
    said = getattr(query, "thread", [])[1:]
    return [f"{each['who']}, {each['when']}: {each['text']}" for each in said]


def _question_text(query: QueryRow) -> SafeString:
    lines = format_html_join("", "<li>{}</li>", ((line,) for line in _thread_lines(query)))
    thread = format_html('<ol class="tiny quiet m-0 ps-3">{}</ol>', lines) if lines else ""
    return format_html("{}{}", query.text, thread)


def _raiser_text(query: QueryRow) -> str:
    kind = str(query.get_origin_display())
    return f"{kind} {query.check_id}".strip() if query.by_check else f"{kind}, {query.opened_by.full_name}"


COLUMNS = (
    Column(name="patient", label=gettext_lazy("Patient"), value=lambda row: row.patient.code, css="code",
           sort=("patient_id",)),
    Column(name="visit", label=gettext_lazy("Visit"), css="nowrap", value=lambda row: _visit(row, "key") or "",
           text=_visit_text),
    Column(name="visit_number", label=gettext_lazy("Number of the visit"),
           value=lambda row: _visit(row, "number"), on_page=False),
    Column(name="visit_date", label=gettext_lazy("Day of the visit"), value=lambda row: _visit(row, "held_on"),
           on_page=False),
    Column(name="day", label=gettext_lazy("Day of the row"), value=day_of_row, on_page=False),
    Column(name="about", label=gettext_lazy("About"), value=lambda row: row.target, on_page=False),
    Column(name="form", label=gettext_lazy("Form"), value=lambda row: row.record.form if row.record else "",
           on_page=False),
    Column(name="row", label=gettext_lazy("Row"), value=row_number, css="num"),
    Column(name="item", label=gettext_lazy("Item"), value=lambda row: row.item, text=query_words),
    Column(name="row_id", label=gettext_lazy("Row of a table"), value=lambda row: row.row, on_page=False),
    Column(name="column", label=gettext_lazy("Column"), value=lambda row: row.column, on_page=False),
    Column(name="value", label=gettext_lazy("Value"), value=stored_value, text=value_words, free_text=True),
    Column(name="question", label=gettext_lazy("Question"), value=lambda row: row.text, free_text=True, css="wide",
           text=_question_text),
    Column(name="thread", label=gettext_lazy("Thread"), value=lambda row: "\n".join(_thread_lines(row)), free_text=True,
           on_page=False),
    Column(name="raised_by", label=gettext_lazy("Raised by"), value=lambda row: row.origin, sort=("origin",),
           text=_raiser_text),
    Column(name="raised_by_person", label=gettext_lazy("Person"), free_text=True, on_page=False,
           value=lambda row: "" if row.by_check else row.opened_by.full_name),
    Column(name="status", decides=True, label=gettext_lazy("Status"), value=lambda row: row.state, sort=("state",),
           text=choice_text(Query, "state")),
    Column(name="opened_at", label=gettext_lazy("Opened"), value=lambda row: row.opened_at, sort=("opened_at",),
           css="nowrap"),
    Column(name="age_days", label=gettext_lazy("Age (days)"), value=lambda row: row.age_days, css="num"),
    Column(name="closed_at", label=pgettext_lazy("when", "Closed"), value=lambda row: row.closed_at, on_page=False),
    Column(name="closed_because", label=gettext_lazy("Closed because"), value=lambda row: row.closed_because,
           free_text=True, on_page=False),
)  # fmt: skip
