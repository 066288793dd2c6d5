"""Monitoring visit report on paper: verification, queries and open points of each patient in a period."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from exports.paper import labels
from exports.paper.audience import Audience
from exports.paper.captured import fact_part, queries_of, query_part
from exports.paper.casebook import trial_facts, trial_words
from exports.paper.typesetting import Making, typeset
from patients.casebook.facts import Fact, facts_asked
from patients.casebook.row_titles import record_words
from patients.models import Mark, Patient, Query, Record, Visit

Part = dict[str, Any]


def write_visit_report(
    *, audience: Audience, since: date | None, until: date | None, making: Making, out: Path
) -> str:
    """Write the report from `since` to `until`, both included. Return the SHA-256 of the data."""
    last = until or making.at.astimezone(audience.trial.zone).date()
    period = Period(audience, since or last, last)
    return typeset(
        template="visit_report",
        head=_head(audience, period),
        parts=_parts(audience, period),
        making=making,
        out=out,
    )


class Period:
    """Whole days in the site's time zone."""

    def __init__(self, audience: Audience, first: date, last: date) -> None:
        zone = audience.trial.zone
        self.start = datetime.combine(first, time(), tzinfo=zone)
        self.end = datetime.combine(last + timedelta(days=1), time(), tzinfo=zone)
        self.words = f"{audience.day(first)} – {audience.day(last)}"

    def __contains__(self, at: datetime | None) -> bool:
        return at is not None and self.start <= at < self.end


def _head(audience: Audience, period: Period) -> Part:
    return {
        "language": audience.language.partition("-")[0],
        "title": _("Monitoring visit report"),
        "kind": _("Monitoring"),
        "trial": trial_words(audience),
        "facts": [*trial_facts(audience), (_("Period"), period.words)],
        "notes": [
            _("Verified: compared with the source and marked in this period. A mark is undone by a later change of the "
              "item. Open queries and forms without verification are those at the time of printing."),
            _("Times with an offset are exact. Identities are never part of this report."),
        ],
        "words": {name: str(each) for name, each in {**labels.COMMON, **labels.VISIT_REPORT}.items()},
    }  # fmt: skip


def _parts(audience: Audience, period: Period) -> Iterator[Part]:
    """Yield one patient after the other. Five queries each."""
    for patient in Patient.objects.filter(trial=audience.trial).order_by("number"):
        yield _patient(patient, audience.with_own_cache(), period)


def _patient(patient: Patient, audience: Audience, period: Period) -> Part:
    found = audience.reader.rows
    found[Visit] = {row.pk: row for row in Visit.objects.filter(patient=patient)}
    records = {row.pk: row for row in Record.objects.filter(patient=patient).order_by("form", "repeat")}
    marks = list(
        Mark.objects.filter(patient=patient, kind=Mark.Kind.VERIFICATION).select_related("by").order_by("pk")
    )
    queries = [query for rows in queries_of([patient.pk]).values() for query in rows]
    open_now = [query for query in queries if query.state != Query.State.CLOSED]
    raised = [query for query in queries if query.opened_at in period]
    facts = facts_asked(queries)
    outside = facts_asked(marks)

    def shown(query: Query) -> Part:
        about = facts[query.pk] if query.record_id is None else records[query.record_id]
        return _query(about, query, audience)

    valid_marks = {mark.record_id for mark in marks if mark.undone_at is None}
    complete = [row for row in records.values() if row.state == Record.State.COMPLETE]
    return {
        "code": patient.code,
        "state": str(patient.get_state_display()),
        "verified": [_mark(mark, records, outside, audience) for mark in marks if mark.at in period],
        "undone": [_undone(mark, records, outside, audience) for mark in marks if mark.undone_at in period],
        "raised": [shown(query) for query in raised],
        "closed": sum(query.closed_at in period for query in queries),
        "open": [shown(query) for query in open_now],
        "unverified": [record_words(row, audience.reader) for row in complete if row.pk not in valid_marks],
        "complete": len(complete),
    }


def _item(record: Record, name: str, audience: Audience) -> str:
    form = audience.rules(record.protocol_id).form(record.form)
    own = name.partition(".")[0]
    return form.item(own).label.in_language(audience.language) if own in form else name


def _mark(mark: Mark, records: dict[int, Record], outside: Mapping[int, Fact], audience: Audience) -> Part:
    by_whom = {"by": mark.by.full_name, "at": audience.instant(mark.at)}
    if mark.record_id is None:
        fact = outside[mark.pk]
        return {"form": fact.title, "item": fact.label, **by_whom}
    record = records[mark.record_id]
    item = _item(record, mark.item, audience) if mark.item else _("the whole form")
    return {"form": record_words(record, audience.reader), "item": item, **by_whom}


def _undone(mark: Mark, records: dict[int, Record], outside: Mapping[int, Fact], audience: Audience) -> Part:
    texts = [str(value) for name in ("by", "because") if (value := mark.undone_detail.get(name))]
    shown = _mark(mark, records, outside, audience)
    return {**shown, "at": audience.instant(mark.undone_at), "why": ", ".join(texts)}


def _query(about: Record | Fact, query: Query, audience: Audience) -> Part:
    if isinstance(about, Fact):
        return {"form": about.title, **fact_part(query, about, audience), "item": about.label}
    form = audience.rules(about.protocol_id).form(about.form)
    return {"form": record_words(about, audience.reader), **query_part(query, form, about.values, audience)}
