"""The page of the export register: what left the system by any channel, with filters, CSV and whole hashes (PRV-04)."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import parse_qsl

import django_filters
from django.db.models import BigIntegerField, Q, QuerySet
from django.db.models.fields.json import KT
from django.db.models.functions import Cast
from django.http.response import HttpResponseBase
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from audit import events
from audit.export_register import KINDS, Channel, SendingStage
from audit.models import AccessEvent
from audit.system_texts import actor_words
from patients.models import Patient
from trials.access import Access, TrialRequest, trial_page
from trials.date_fields import DayField, on_clock_of
from trials.listing import Column, Listing
from trials.listing.parts import BLANK
from trials.permissions import Permission as P
from trials.roles import ROLES

ANY = _("Any")
# What is told beside the columns of their own.
COUNTED = ("rows", "entries", "of", "damaged", "files")
# Channels whose files the worker makes: asked for, made, and downloaded later, each an entry of its own.
BY_WORKER = (Channel.DOCUMENT.value, Channel.COPY.value)
DOCUMENT_STAGES = {SendingStage.STARTED.value: _("Asked for"), SendingStage.FINISHED.value: _("Made")}
# What the filter offers besides the stages: the words that the column shows for the files of the worker.
STATUSES = {"asked": SendingStage.STARTED, "made": SendingStage.FINISHED}
STATUS_CHOICES = [
    ("asked", DOCUMENT_STAGES[SendingStage.STARTED]),
    ("made", DOCUMENT_STAGES[SendingStage.FINISHED]),
    *SendingStage.choices,
]
# By name of the file: the title of the page.
LISTINGS = {
    "accountability-log": _("Accountability log"),
    "adverse-event-groups": _("Adverse events in groups"),
    "adverse-events": _("Adverse events"),
    "allocation": _("Allocation"),
    "changes-by-patient": _("Changes by patient"),
    "annual-safety-report": _("Annual safety report"),
    "coding": _("Coding"),
    "consent-and-procedure": _("Consent before the first procedure"),
    "consent-due": _("Consent to be given again"),
    "consents": _("Consents"),
    "contacts": _("Contacts"),
    "data-quality": _("Data quality"),
    "decisions": _("Decisions on eligibility"),
    "deviations": _("Deviations"),
    "edit-checks": _("Edit checks"),
    "entry-delay": _("Delay of entry"),
    "erasures": _("Requests for erasure"),
    "export-register": _("Export register"),
    "forms": _("Forms"),
    "infusions": _("Infusions"),
    "laboratory-results": _("Laboratory results"),
    "locks": _("Freeze and lock"),
    "masked_results": _("Masked results"),
    "patients": _("Patients"),
    "prescreening": _("Pre-screening"),
    "samples": _("Samples"),
    "shipments": _("Shipments"),
    "storage-excursions": _("Temperature excursions"),
    "outcomes": _("Outcomes"),
    "problems": _("Reported problems"),
    "product-deviations": _("Product deviations"),
    "product-queries": _("Product queries"),
    "product-verification": _("Source verification of the product"),
    "queries": _("Queries"),
    "redactions": _("Masked personal data"),
    "stock": _("Stock"),
    "to-sign": _("To sign"),
    "treatment-known": _("Who knew the treatment"),
    "undone-marks": _("Undone verification and review"),
    "verification": _("Source verification"),
}


def entries(access: Access) -> QuerySet[AccessEvent]:
    """Return the entries of the register that the reader may know of, the ends of streams left out."""
    rows = AccessEvent.objects.filter(
        trial_id=access.trial.pk, kind__in=KINDS, see__in=["", *access.permissions]
    )
    return rows.filter(detail__channel__isnull=False, detail__started_as__isnull=True)


def ends(access: Access) -> QuerySet[AccessEvent]:
    """Return the events that tell how a stream ended."""
    kinds = (events.AccessKind.EXPORT_ENDED, *KINDS)
    return AccessEvent.objects.filter(
        trial_id=access.trial.pk, kind__in=kinds, detail__started_as__isnull=False
    )


class RegisterDayFilter(django_filters.Filter):
    """A day on the clock of the site."""

    field_class = DayField


class RegisterFilter(django_filters.FilterSet):
    """Entries by person, channel, state, knowledge of the treatment, and days."""

    person = django_filters.CharFilter(label=_("Person"), method="by_person", max_length=150)
    channel = django_filters.ChoiceFilter(
        label=_("Channel"), field_name="detail__channel", choices=Channel.choices, empty_label=ANY
    )
    stage = django_filters.ChoiceFilter(
        label=_("Status"), choices=STATUS_CHOICES, method="of_stage", empty_label=ANY
    )
    treatment = django_filters.ChoiceFilter(
        label=_("With the treatment"),
        choices=[("true", _("Yes")), ("false", _("No"))],
        method="with_treatment",
        empty_label=ANY,
    )
    since = RegisterDayFilter(label=_("From"), method="from_day", help_text="")
    until = RegisterDayFilter(label=_("To"), method="to_day", help_text="")

    class Meta:
        model = AccessEvent
        fields: list[str] = []

    def __init__(self, *args: Any, access: Access, **kwargs: Any) -> None:
        self.access = access
        super().__init__(*args, **kwargs)
        on_clock_of(self.form, access.trial.time_zone)

    def by_person(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keep what a person asked for, by part of the name or user name."""
        return rows.filter(Q(full_name__icontains=value) | Q(user_name__icontains=value))

    def of_stage(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keep entries whose status is called so: of their own, or by the event that tells how they ended."""
        if value in STATUSES:
            rows = rows.filter(detail__channel__in=BY_WORKER)
            value = STATUSES[value]
        elif value in DOCUMENT_STAGES:
            rows = rows.exclude(detail__channel__in=BY_WORKER)
        started_as = Cast(KT("detail__started_as"), BigIntegerField())
        ended = ends(self.access)
        if value in (SendingStage.FINISHED, SendingStage.ABORTED):
            found = ended.filter(detail__stage=value).annotate(start=started_as).values("start")
            return rows.filter(Q(detail__stage=value) | Q(pk__in=found))
        rows = rows.filter(detail__stage=value)
        return rows.exclude(pk__in=ended.annotate(start=started_as).values("start"))

    def with_treatment(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keep what was sent to a reader who knows the treatment, or to one who does not."""
        return rows.filter(detail__treatment=value == "true")

    def from_day(self, rows: QuerySet[Any], name: str, value: Any) -> QuerySet[Any]:
        """Keep entries since the beginning of a day at the site."""
        return rows.filter(at__gte=self._midnight(value))

    def to_day(self, rows: QuerySet[Any], name: str, value: Any) -> QuerySet[Any]:
        """Keep entries until the end of a day at the site."""
        return rows.filter(at__lt=self._midnight(value + timedelta(days=1)))

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time.min, self.access.trial.zone)


def told(row: Any) -> Mapping[str, Any]:
    """Return what a prepared entry and its end tell together."""
    found: Mapping[str, Any] = row.told
    return found


def _what(row: Any) -> str:
    detail = told(row)
    parts = [detail.get("purpose"), detail.get("listing"), detail.get("file"), detail.get("format")]
    return " · ".join(str(part) for part in (*parts, getattr(row, "patient_code", "")) if part)


def _what_text(row: Any) -> SafeString:
    """Return the content of a sending in words, and below it the filters, without the one that asks for the file."""
    detail = told(row)
    listing = LISTINGS.get(detail.get("listing", ""), detail.get("listing"))
    purpose = detail.get("purpose")
    parts = (purpose, listing, detail.get("file"), "" if purpose else detail.get("format"), row.patient_code)
    words = " · ".join(str(part) for part in parts if part)
    # Entries of earlier versions keep the parameters of the address only.
    asked = parse_qsl(detail.get("filters", ""))
    parameters = ", ".join(f"{name}: {value}" for name, value in asked if name != "format")
    filters = detail.get("filters in words", parameters)
    below = format_html('<br><span class="tiny quiet">{}</span>', filters) if filters else ""
    return format_html("{}{}", words or BLANK, below)


def _stage_text(row: Any) -> str:
    """Return how far it got. A document is asked for, made and downloaded, each by an entry of its own."""
    detail = told(row)
    if detail["channel"] in BY_WORKER and detail["stage"] in DOCUMENT_STAGES:
        return str(DOCUMENT_STAGES[detail["stage"]])
    return str(_choice(SendingStage, "stage")(row))


def _counts(row: Any) -> str:
    detail = told(row)
    parts = []
    for name in COUNTED:
        value = detail.get(name)
        if isinstance(value, Mapping):
            parts += [f"{key}: {number}" for key, number in value.items()]
        elif value not in (None, "", False):
            parts.append(f"{events.DETAIL_WORDS[name]}: {value}")
    return ", ".join(parts)


def _person(row: Any) -> str:
    person = row.person
    return (
        f"{person.full_name} ({person.username})" if person else actor_words(row.full_name or row.user_name)
    )


def _person_text(row: Any) -> str | SafeString:
    role = _role(row)
    return (
        format_html('{}<br><span class="tiny quiet">{}</span>', _person(row), role) if role else _person(row)
    )


def _role(row: Any) -> str:
    return str(ROLES[row.role].title) if row.role in ROLES else row.role


def _choice(choices: Any, name: str) -> Any:
    words = dict(choices.choices)
    return lambda row: str(words.get(told(row).get(name, ""), ""))


COLUMNS = (
    Column(name="at", label=_("When"), value=lambda row: row.at, sort=("at",), css="nowrap", decides=True),
    Column(name="person", label=_("Person"), value=_person, text=_person_text, free_text=True, decides=True),
    Column(name="user", label=_("User name"), value=lambda row: row.user_name, on_page=False),
    Column(name="role", label=_("Role"), value=lambda row: row.role, on_page=False),
    Column(
        name="channel",
        label=_("Channel"),
        value=lambda row: told(row)["channel"],
        text=_choice(Channel, "channel"),
        decides=True,
    ),
    Column(name="what", label=_("What and what for"), value=_what, text=_what_text, free_text=True, decides=True),
    Column(
        name="filters_in_words",
        label=_("Filters in words"),
        value=lambda row: told(row).get("filters in words", ""),
        free_text=True,
        on_page=False,
    ),
    Column(
        name="filters",
        label=_("Filters"),
        value=lambda row: told(row).get("filters", ""),
        free_text=True,
        on_page=False,
    ),
    Column(name="counts", label=_("What was in it"), value=_counts),
    Column(
        name="treatment",
        label=_("With the treatment"),
        value=lambda row: bool(told(row).get("treatment")),
        css="text-wrap",
    ),
    Column(
        name="stage", label=_("Status"), value=lambda row: told(row)["stage"], text=_stage_text
    ),
    Column(name="size", label=_("Bytes"), value=lambda row: told(row).get("size"), css="num"),
    Column(
        name="sha256",
        label=_("SHA-256"),
        value=lambda row: told(row).get("sha256", ""),
        css="code tiny text-break hash",
    ),
    Column(name="origin", label=_("Origin"), value=lambda row: row.origin, on_page=False),
    Column(name="address", label=_("Address"), value=lambda row: row.address, on_page=False),
    Column(name="request", label=_("Request"), value=lambda row: row.request, on_page=False),
)  # fmt: skip


@trial_page(see=P.SEE_TRAIL)
def register(request: TrialRequest) -> HttpResponseBase:
    """Show the register. Three queries for a page beside those of the listing."""
    rows, access = entries(request.access), request.access

    def prepare(page: Sequence[Any]) -> None:
        add_ends(page, access)

    listing = Listing(
        request,
        queryset=rows,
        columns=COLUMNS,
        sort="-at",
        filterset=RegisterFilter(request.GET, queryset=rows, access=access),
        prepare=prepare,
        name="export-register",
        empty=_("Nothing has left the system yet."),
    )
    return listing.response("exports/register.html")


def add_ends(rows: Sequence[Any], access: Access) -> None:
    """Give each entry what it tells with its end, the person and the patient. Three queries."""
    by_start = {
        row.detail["started_as"]: row
        for row in ends(access).filter(detail__started_as__in=[row.pk for row in rows])
    }
    people = User.objects.in_bulk({row.user_id for row in rows} - {None})
    codes = dict(
        Patient.objects.filter(pk__in={row.patient_id for row in rows} - {None}).values_list("pk", "code")
    )
    may = access.permissions
    for row in rows:
        row.told = events.visible_detail(row, may=may)
        if end := by_start.get(row.pk):
            row.told = {**row.told, **events.visible_detail(end, may=may)}
        row.person = people.get(row.user_id)
        row.patient_code = codes.get(row.patient_id, "")
