"""Filters of the adverse event listing."""

from datetime import date
from decimal import Decimal
from typing import Any

import django_filters
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from patients.models import Patient
from patients.participation.treatment.infusion_links import after_infusion
from protocol.values.moments import Moment
from safety import choices
from safety.classification import Class
from safety.listing import counting
from safety.models import AdverseEvent, AdverseEventQuerySet
from trials.date_fields import DayField
from trials.models import Trial

YES_NO = [("yes", _("Yes")), ("no", _("No"))]
CLOCKS = [("open", _("Report due")), ("overdue", _("Overdue")), ("reported", _("Reported"))]
SPECIAL = ("any", _("Any category"))
ANY = _("Any")
NO_CLASS = "none"
MOST_DAYS = 3650


class DayFilter(django_filters.Filter):
    """Filter by a day in the site's time zone, typed in any format that `DayField` reads."""

    field_class = DayField


class AdverseEventFilter(django_filters.FilterSet):
    """Filters of the review by an investigator (SAF-14)."""

    patient = django_filters.CharFilter(label=_("Patient"), method="of_patient", max_length=20)
    serious = django_filters.ChoiceFilter(
        label=_("Serious"), choices=YES_NO, method="yes_no", empty_label=ANY
    )
    grade = django_filters.ChoiceFilter(
        label=_("Grade"), choices=[(str(grade), str(grade)) for grade in range(1, 6)], empty_label=ANY
    )
    related = django_filters.ChoiceFilter(
        label=_("Related"), choices=YES_NO, method="yes_no", empty_label=ANY
    )
    aesi = django_filters.ChoiceFilter(label=_("Special interest"), method="of_interest", empty_label=ANY)
    ongoing = django_filters.ChoiceFilter(
        label=_("Ongoing"), choices=AdverseEvent.Ongoing.choices, empty_label=ANY
    )
    signed = django_filters.ChoiceFilter(
        label=_("Review"),
        choices=[
            ("no", _("Not signed")),
            ("yes", pgettext_lazy("status", "Signed")),
            ("since", _("Reported or changed since the last review")),
        ],
        method="signed_or_not",
        empty_label=ANY,
    )
    clock = django_filters.ChoiceFilter(
        label=_("Report to the sponsor"), choices=CLOCKS, method="by_clock", empty_label=ANY
    )
    since = DayFilter(label=_("Onset since"), method="onset_since", zone="UTC", help_text="")

    within = django_filters.NumberFilter(
        label=_("Days after an infusion, at most"),
        method="within_days",
        min_value=0,
        max_value=MOST_DAYS,
        decimal_places=0,
    )

    term = django_filters.CharFilter(label=_("Event"), method="of_term", max_length=200)
    organ_class = django_filters.CharFilter(
        label=_("System organ class"), method="of_organ_class", max_length=250
    )
    in_error = django_filters.ChoiceFilter(
        label=_("Entered in error"),
        choices=[("no", _("Left out")), ("only", _("Only these"))],
        method="error_or_not",
        empty_label=ANY,
    )

    class Meta:
        model = AdverseEvent
        fields: list[str] = []

    def __init__(self, *args: Any, trial: Trial, **kwargs: Any) -> None:
        self.trial = trial
        super().__init__(*args, **kwargs)
        self.zone = trial.rules.trial.site.time_zone
        # Each instance has its own copies of the declared filters, so the trial's zone stays in this request.
        self.filters["since"].extra["zone"] = self.zone
        # `class` is a word of the language, so this filter cannot be an attribute.
        of_class = django_filters.ChoiceFilter(
            label=_("Class"), choices=[(each.value, each.value) for each in Class], method="of_class",
            empty_label=ANY, field_name="class",
        )  # fmt: skip
        self.filters["class"] = of_class
        of_class.parent, of_class.model = self, AdverseEvent
        special = choices.special_interests(trial.rules)
        self.filters["aesi"].extra["choices"] = [SPECIAL, *special]
        if not special:
            del self.filters["aesi"]

    def of_patient(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keep events of patients whose code contains the text."""
        return rows.filter(patient__in=Patient.objects.filter(trial=self.trial, code__icontains=value))

    def yes_no(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keep rows whose derived column (serious, related) is true, or false."""
        return rows.filter(**{name: value == "yes"})

    def of_interest(self, rows: AdverseEventQuerySet, name: str, value: str) -> QuerySet[Any]:
        """Keep events of one category of special interest, or of any."""
        return rows.of_special_interest() if value == SPECIAL[0] else rows.filter(aesi=value)

    def signed_or_not(self, rows: AdverseEventQuerySet, name: str, value: str) -> QuerySet[Any]:
        """Keep events with a valid signature, or events that still need one."""
        if value == "since":
            return rows.not_in_error().since_last_review(self.trial)
        return rows.signed() if value == "yes" else rows.not_in_error().signed(yes=False)

    def within_days(self, rows: AdverseEventQuerySet, name: str, value: Decimal) -> QuerySet[Any]:
        """Keep events that may have begun at most so many times 24 hours after an infusion was started."""
        return rows.filter(after_infusion(int(value)))

    def of_term(self, rows: AdverseEventQuerySet, name: str, value: str) -> QuerySet[Any]:
        """Keep events of a term under any of its names, else those whose term contains the text."""
        return counting.of_term(rows, value)

    def of_organ_class(self, rows: AdverseEventQuerySet, name: str, value: str) -> QuerySet[Any]:
        """Keep events of a system organ class, or those without one."""
        return counting.of_organ_class(rows, "" if value == NO_CLASS else value)

    def of_class(self, rows: AdverseEventQuerySet, name: str, value: str) -> QuerySet[Any]:
        """Keep events whose most specific class it is."""
        return counting.of_class(rows, value)

    def error_or_not(self, rows: AdverseEventQuerySet, name: str, value: str) -> QuerySet[Any]:
        """Leave out events entered in error, or keep only these."""
        return rows.not_in_error() if value == "no" else rows.exclude(in_error_reason="")

    def by_clock(self, rows: AdverseEventQuerySet, name: str, value: str) -> QuerySet[Any]:
        """Keep events whose report is due, overdue or made."""
        if value == "reported":
            return rows.filter(reported_at__isnull=False)
        due = rows.awaiting_report()
        return due.filter(due_at__lt=timezone.now()) if value == "overdue" else due

    def onset_since(self, rows: QuerySet[Any], name: str, value: date) -> QuerySet[Any]:
        """Keep events that may have begun on that day or later. A partial onset counts with its latest possible day."""
        return rows.filter(onset_latest__gte=Moment.from_date(value, self.zone).earliest)
