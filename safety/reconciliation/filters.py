"""Filters of the reconciliation."""

from collections.abc import Callable
from typing import Any

import django_filters
from django.utils.translation import gettext_lazy as _

from safety.reconciliation.columns import STATUSES
from safety.reconciliation.findings import TITLES
from safety.reconciliation.models import ReconciliationSettlement
from safety.reconciliation.reconciling import ReconciledFinding

ANY = _("Any")


class FindingFilter(django_filters.FilterSet):
    """Patient, kind, and what was done."""

    patient = django_filters.CharFilter(label=_("Patient"), max_length=20)
    kind = django_filters.ChoiceFilter(
        label=_("Kind"), choices=[(kind.value, title) for kind, title in TITLES.items()], empty_label=ANY
    )
    status = django_filters.ChoiceFilter(
        label=_("Status"),
        choices=[(each.value, words) for each, words in STATUSES.items()],
        empty_label=ANY,
    )

    class Meta:
        model = ReconciliationSettlement
        fields: list[str] = []


def that_pass(*, patient: str, kind: str, status: str) -> Callable[[Any], bool]:
    """Return the condition for the cleaned filters."""

    def passes(line: ReconciledFinding) -> bool:
        return (
            (not patient or patient.casefold() in line.patient_code.casefold())
            and (not kind or line.finding.kind == kind)
            and (not status or line.status == status)
        )

    return passes
