"""Filters of the lists over all patients."""

from datetime import timedelta
from typing import Any

import django_filters
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import TruncDate
from django.utils.translation import gettext_lazy as _

from patients.models import Consent, Deviation, Patient, Record
from patients.queries.filters import ANY, OfTrialFilter, visit_choices
from reports.patient_lists.changes import CHANGES, DEVIATIONS, changes_of
from reports.patient_lists.first_procedures import VERDICTS, first_procedures
from trials.models import Trial

LONGEST_DELAY = 3650


class OnePatientFilter(django_filters.FilterSet):
    """Patients by code and status."""

    patient = django_filters.CharFilter(
        label=_("Patient"), field_name="code", lookup_expr="icontains", max_length=20
    )
    state = django_filters.ChoiceFilter(label=_("Status"), choices=Patient.State.choices, empty_label=ANY)

    class Meta:
        model = Patient
        fields: list[str] = []

    def __init__(self, *args: Any, trial: Trial, **kwargs: Any) -> None:
        self.trial = trial
        super().__init__(*args, **kwargs)


class FirstProcedureFilter(OnePatientFilter):
    """Patients by how the first consent and the first procedure compare."""

    verdict = django_filters.ChoiceFilter(
        label=_("Consent and procedure"), choices=list(VERDICTS.items()), method="by_verdict", empty_label=ANY
    )

    def by_verdict(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keep patients of one verdict. Compares all patients: six queries."""
        found = first_procedures(self.trial, list(rows))
        return rows.filter(pk__in=[key for key, each in found.items() if each.verdict == value])


class ConsentDueFilter(OnePatientFilter):
    """Patients who have to consent again, by the reason."""

    why = django_filters.ChoiceFilter(
        label=_("Why"),
        choices=[
            ("amended", _("An amendment asks for it")),
            ("regained", _("Capacity regained")),
        ],
        method="by_reason",
        empty_label=ANY,
    )

    def by_reason(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keep patients for whom the reason holds."""
        if value == "amended":
            return rows.exclude(reconsent_version="").exclude(reconsent_version=F("consent_version"))
        return rows.exclude(consent_type=Consent.Type.PATIENT).filter(capacity__isnull=False)


class EntryDelayFilter(OfTrialFilter):
    """Forms of visits that took place, by form, visit, patient and days to the first entry or to completion."""

    visit = django_filters.ChoiceFilter(label=_("Visit"), field_name="visit__code", empty_label=ANY)
    days = django_filters.NumberFilter(
        label=_("First entered after (days)"),
        min_value=0,
        max_value=LONGEST_DELAY,
        decimal_places=0,
        method="entered_after",
    )
    completed_days = django_filters.NumberFilter(
        label=_("Completed after (days)"),
        min_value=0,
        max_value=LONGEST_DELAY,
        decimal_places=0,
        method="completed_after",
    )

    class Meta:
        model = Record
        fields: list[str] = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.filters["visit"].extra["choices"] = visit_choices(self.trial)

    def entered_after(self, rows: QuerySet[Any], name: str, value: Any) -> QuerySet[Any]:
        """Keep forms first entered more than so many days after the visit."""
        return self._after(rows, "created_at", int(value))

    def completed_after(self, rows: QuerySet[Any], name: str, value: Any) -> QuerySet[Any]:
        """Keep forms completed more than so many days after the visit, and those not complete."""
        late = self._after(rows, "completed_at", int(value))
        return rows.filter(Q(pk__in=late.values("pk")) | Q(completed_at=None))

    def _after(self, rows: QuerySet[Any], column: str, days: int) -> QuerySet[Any]:
        # The day at the site, not the day in UTC.
        day = TruncDate(column, tzinfo=self.trial.zone)
        return rows.annotate(entered_on=day).filter(visit__held_on__lt=F("entered_on") - timedelta(days=days))


class ChangesFilter(OnePatientFilter):
    """Patients with changes of one kind, or with a deviation."""

    having = django_filters.ChoiceFilter(
        label=_("With"),
        choices=[
            *((kind, title) for kind, (title, _query) in CHANGES.items()),
            (DEVIATIONS, _("Deviations")),
        ],
        method="having_changes",
        empty_label=ANY,
    )

    def having_changes(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keep patients with at least one. Counts those of all patients: seven statements."""
        if value == DEVIATIONS:
            return rows.filter(Exists(Deviation.objects.filter(patient=OuterRef("pk"), struck_out_reason="")))
        found = changes_of(self.trial, list(rows))
        return rows.filter(pk__in=[key for key, each in found.items() if each.entries[value]])
