"""The audit trail page: filters, entries as text, CSV, and the record of a review (AUD-11)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.db import transaction
from django.http import HttpResponse, QueryDict, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audit import events, reading
from audit.change_labels import FieldChange, Reader, moment_text
from audit.models import AccessEvent, TrailReview
from audit.reading import TrailEntry, TrailPosition
from audit.stored_text import code_of
from patients.models import Patient
from reports.audit_trail.forms import KINDS, ORIGINS, TrailForm, TrailReviewForm
from reports.audit_trail.subjects import TrailSubject, TrailSubjects
from trials.access import TrialRequest, trial_page
from trials.listing.lines import csv_lines, csv_text
from trials.listing.parts import Chip
from trials.models import ProtocolVersion, Trial
from trials.permissions import Permission as P
from trials.reader import FILE_LANGUAGE, in_english, reader_language
from trials.roles import ROLES

TONES = {
    "created": "done", "changed": "draft", "deleted": "late", "signed": "signed",
    "unsigned": "late", "access": "none", "review": "checked",
}  # fmt: skip
CSV_HEAD = (
    "time_utc", "time_at_site", "user", "full_name", "role", "what", "table", "subject", "patient", "field", "label",
    "old", "new", "reason", "reason_code", "origin", "request", "session", "address",
)  # fmt: skip


KIND_TITLES, ORIGIN_TITLES = dict(KINDS), dict(ORIGINS)

LabelledText = tuple[str, str]
"""A label and a text."""


@dataclass(frozen=True)
class TrailLine:
    """One entry of the trail as the page shows it."""

    entry: TrailEntry
    subject: TrailSubject
    patient: Patient | None
    when: str
    kind: str
    tone: str
    role: str
    origin: str
    filter_words: Callable[[str], list[LabelledText]]
    item: str = ""

    @cached_property
    def changes(self) -> Sequence[FieldChange]:
        """Return the changed fields, a filtered item first; for an access event or a review, its details."""
        found = self.entry.changes or _details(self.entry.row, self.entry.reader, self.filter_words)
        return sorted(found, key=lambda change: change.code != self.item)

    @property
    def nothing_before(self) -> bool:
        """Return whether the entry has no old values: a new row, or an access event."""
        return self.entry.kind in ("created", "access")

    @property
    def first(self) -> FieldChange | None:
        """Return the change that is shown while the row is folded."""
        return self.changes[0] if self.changes else None

    @property
    def more(self) -> int:
        """Return the number of further changes."""
        return max(0, len(self.changes) - 1)


class TrailPage:
    """One page of the trail. Attribute names are those that the listing templates expect."""

    kept_parameters: tuple[Any, ...] = ()
    previous_url = ""

    def __init__(self, request: TrialRequest) -> None:
        self.request, self.trial = request, request.trial
        self.may = {str(permission) for permission in request.access.permissions}
        self.people = list(
            User.objects.filter(delegations__trial=self.trial).distinct().order_by("full_name")
        )
        self.form = TrailForm(request.GET, trial=self.trial, people=self.people, may=self.may)
        self.reader = self._reader(reader_language())

    def _reader(self, language: str) -> Reader:
        reader = reader_of(self.trial, self.people, language)
        reader.may = self.may
        return reader

    @property
    def valid(self) -> bool:
        """Return whether every filter is valid."""
        return self.form.is_valid()

    @cached_property
    def page(self) -> reading.Page:
        """Return the entries of this page. Raises BadRequest for an unreadable `after` parameter."""
        if not self.valid:
            return reading.Page([], None)
        position = self.request.GET.get("after", "")
        after = TrailPosition.read(position) if position else None
        if position and after is None:
            raise BadRequest(_("This page of the trail cannot be found."))
        return reading.page(self.form.filter(), may=self.may, reader=self.reader, after=after)

    @cached_property
    def lines(self) -> list[TrailLine]:
        """Return the entries of this page as lines."""
        return self._lines(self.page.entries)

    def _lines(self, entries: Sequence[TrailEntry]) -> list[TrailLine]:
        if not entries:
            return []
        reader = entries[0].reader
        # One query for the patients that the reader has not loaded yet.
        known = reader.rows.setdefault(Patient, {})
        missing = {entry.patient_id for entry in entries} - {None, *known}
        known.update(Patient.objects.in_bulk(missing) if missing else {})
        places = TrailSubjects(self.trial.slug, reader)
        return [self._line(entry, places) for entry in entries]

    def _line(self, entry: TrailEntry, places: TrailSubjects) -> TrailLine:
        return TrailLine(
            entry=entry,
            subject=places.of(entry),
            patient=places.patient(entry.patient_id),
            when=moment_text(entry.at, self.reader),
            kind=str(KIND_TITLES[entry.kind]),
            tone=TONES[entry.kind],
            role=str(ROLES[entry.role].title) if entry.role in ROLES else entry.role,
            origin=str(ORIGIN_TITLES.get(entry.origin, entry.origin)),
            filter_words=self.filter_words,
            item=self.request.GET.get("item", ""),
        )

    @property
    def chips(self) -> list[Chip]:
        """Return the active filters, each with the URL that removes it."""
        found = []
        for name, label, words in _filters(self.form, self.request.GET):
            if name == "row" and self.lines:
                words = self.lines[0].subject.title
            found.append(Chip(label, words, self._url(without=name)))
        return found

    def filter_words(self, query: str) -> list[LabelledText]:
        """Return label and value of the filters of an address, in the active language."""
        parameters = QueryDict(query)
        form = TrailForm(parameters, trial=self.trial, people=self.people, may=self.may)
        return [(label, words) for _name, label, words in _filters(form, parameters)]

    @property
    def clear_url(self) -> str:
        """Return the URL without filters."""
        return self.request.path

    @property
    def first_url(self) -> str:
        """Return the URL of the first page with these filters; empty on the first page."""
        return self._url() if self.request.GET.get("after") else ""

    @property
    def next_url(self) -> str:
        """Return the URL of the next page, with earlier entries; empty on the last page."""
        return self._url(after=str(self.page.next)) if self.page.next else ""

    @property
    def csv_url(self) -> str:
        """Return the URL of the filtered entries as CSV."""
        return self._url(format="csv")

    @property
    def query(self) -> str:
        """Return the active filters as a query string."""
        return self._url().partition("?")[2]

    def _url(self, without: str = "", **added: str) -> str:
        query = self.request.GET.copy()
        for name in {"after", "format", without} & set(query):
            del query[name]
        for name in [name for name in query if not query[name]]:
            del query[name]
        query.update(added)
        return f"{self.request.path}?{query.urlencode()}" if query else self.request.path

    def csv_rows(self) -> Iterator[list[str]]:
        """Yield the header, then one row per changed field, newest first, in English. Reads page by page."""
        self.reader = self._reader(FILE_LANGUAGE)
        yield list(CSV_HEAD)
        for entries in reading.pages(self.form.filter(), may=self.may, reader=self.reader):
            for line in self._lines(entries):
                for change in line.changes or [FieldChange("", "", "", "")]:
                    yield _csv_row(line, change)


@trial_page(see=P.SEE_TRAIL, change=P.REVIEW_TRAIL)
def trail(request: TrialRequest) -> HttpResponseBase:
    """Show the trail, send it as CSV, or record a review of the filtered entries."""
    page = TrailPage(request)
    if request.method == "POST":
        return _review(request, page)
    if request.GET.get("format") == "csv" and page.valid:
        return _csv(request, page)
    return _show(request, page, TrailReviewForm())


def reader_of(trial: Trial, people: Sequence[User], language: str) -> Reader:
    """Return a Reader with a language and the site's time zone."""
    reader = Reader(language=language, zone=trial.rules.trial.site.time_zone)
    # Nearly every entry refers to these rows: loaded once, not again for each page.
    reader.rows = {User: {person.pk: person for person in people}, Trial: {trial.pk: trial}}
    reader.rows[ProtocolVersion] = {trial.protocol_id: trial.protocol}
    return reader


def _show(request: TrialRequest, page: TrailPage, form: TrailReviewForm) -> HttpResponse:
    context = {"listing": page, "review": form if request.access.may(P.REVIEW_TRAIL) else None}
    return render(
        request, "reports/trail.html", context, status=200 if page.valid and not form.errors else 400
    )


def _review(request: TrialRequest, page: TrailPage) -> HttpResponse:
    form = TrailReviewForm(request.POST)
    if not form.is_valid() or not page.valid:
        return _show(request, page, form)
    record_review(page=page, conclusion=form.cleaned_data["conclusion"], by=request.user)
    messages.success(request, _("The review is recorded in the trail."))
    return redirect(page._url())


@transaction.atomic
def record_review(*, page: TrailPage, conclusion: str, by: Any) -> TrailReview:
    """Store a review of the trail: reviewer, filter, time, number of entries and conclusion."""
    return TrailReview.objects.create(
        trial_id=page.trial.pk,
        reviewer_id=by.pk,
        reviewer_name=by.full_name,
        role=page.request.access.role.code,
        reviewed_at=timezone.now(),
        filters={"query": page.query},
        rows_seen=reading.count(page.form.filter(), may=page.may),
        conclusion=conclusion,
    )


def _csv(request: TrialRequest, page: TrailPage) -> StreamingHttpResponse:
    detail = {"listing": "trail", "filters": page.query}
    events.record(kind=events.AccessKind.EXPORTED, trial_id=page.trial.pk, detail=detail, request=request)
    response = StreamingHttpResponse(
        csv_lines(in_english(page.csv_rows)), content_type="text/csv; charset=utf-8"
    )
    response["Content-Disposition"] = 'attachment; filename="trail.csv"'
    return response


def _csv_row(line: TrailLine, change: FieldChange) -> list[str]:
    entry = line.entry
    free = {"full_name": entry.full_name, "old": change.old, "new": change.new, "reason": entry.reason}
    cells = {
        "time_utc": entry.at,
        "time_at_site": line.when,
        "user": entry.user_name,
        "role": entry.role,
        "what": entry.kind,
        "table": entry.source,
        "subject": line.subject.title,
        "patient": line.patient.code if line.patient else "",
        "field": change.code,
        "label": change.label,
        "reason_code": code_of(entry.reason),
        "origin": entry.origin,
        "request": entry.request,
        "session": entry.session,
        "address": entry.address,
        **free,
    }
    # A subject may contain typed text, such as the term of an event.
    typed = {*free, "subject"}
    return [csv_text(cells[name], free_text=name in typed) for name in CSV_HEAD]


def _filters(form: TrailForm, parameters: QueryDict) -> Iterator[tuple[str, str, str]]:
    """Yield name, label and value of each filter that is set, as texts."""
    for name, field in form.fields.items():
        if value := str(parameters.get(name, "")):
            words = dict(_flat(getattr(field, "choices", ()))).get(value, value)
            yield name, str(field.label or _("Only")), str(words)


def _details(
    row: Any, reader: Reader, filter_words: Callable[[str], list[LabelledText]]
) -> list[FieldChange]:
    """Return the details of an access event or a review as labelled texts."""
    if isinstance(row, TrailReview):
        words = ", ".join(f"{label}: {value}" for label, value in filter_words(row.filters.get("query", "")))
        return [
            FieldChange("filter", _("Filter"), "", words or _("none")),
            FieldChange("rows", _("Entries"), "", str(row.rows_seen)),
            FieldChange("conclusion", _("Conclusion"), "", row.conclusion),
        ]
    detail = events.visible_detail(row, may=reader.may) if isinstance(row, AccessEvent) else {}
    texts = {key: _plain(value) for key, value in detail.items()}
    return [
        FieldChange(key, str(events.DETAIL_WORDS.get(key, key)), "", text)
        for key, text in texts.items()
        if text
    ]


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return str(_("Yes") if value else _("No"))
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_plain(inner)}" for key, inner in value.items())
    if isinstance(value, list):
        return ", ".join(_plain(inner) for inner in value)
    return "" if value is None else str(value)


def _flat(choices: Any) -> Iterator[tuple[Any, Any]]:
    """Yield (value, label) of choices, including grouped ones."""
    for value, words in choices:
        if isinstance(words, list | tuple):
            yield from words
        else:
            yield value, words
