"""How much was changed of each patient's data after inclusion, signature or unlock, out of hours or in bulk (AUD-11).

The counts are those of the trail's own filters, so that each leads to exactly these entries. Rows that only some may
see are never counted: in a masked trial no count depends on the product.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from django.db.models import Count
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from accounts.addresses import address
from audit.trail_index.finding import count_by_patient
from audit.trail_reading.sources import Filter
from patients.models import Deviation, Patient
from reports.audit_trail.watching import watched, working_hours
from trials.models import Trial

DEVIATIONS = "deviations"
CHANGES: dict[str, tuple[str | Promise, dict[str, str]]] = {
    "eligibility": (
        gettext_lazy("Eligibility data changed after inclusion"),
        {"watch": "eligibility", "state": "after_inclusion"},
    ),
    "signed": (gettext_lazy("Changed after signature"), {"state": "after_signature"}),
    "unlocked": (gettext_lazy("Changed after unlock"), {"state": "after_unlock"}),
    "late": (gettext_lazy("Late entry"), {"state": "late"}),
    "outside": (gettext_lazy("Night and weekend"), {"state": "outside"}),
    "bulk": (gettext_lazy("Many by one person in minutes"), {"state": "in_bulk"}),
}
"""By kind: its title, and the filters of the trail that show its entries."""


@dataclass(frozen=True, slots=True)
class PatientChanges:
    """The number of entries of each kind about one patient, and of the deviations in force."""

    entries: dict[str, int]
    deviations: int


def changes_of(trial: Trial, patients: Sequence[Patient]) -> dict[int, PatientChanges]:
    """Return the numbers by patient. Seven statements, whatever the number of patients."""
    keys = [patient.pk for patient in patients]
    counted = {kind: count_by_patient(filter_of(trial, kind), keys) for kind in CHANGES}
    rows = Deviation.objects.filter(patient__in=keys, struck_out_reason="").order_by()
    deviations = dict(rows.values_list("patient").annotate(number=Count("pk")))
    return {
        key: PatientChanges(
            {kind: numbers.get(key, 0) for kind, numbers in counted.items()}, deviations.get(key, 0)
        )
        for key in keys
    }


def filter_of(trial: Trial, kind: str) -> Filter:
    """Return the filter of the trail for one kind of changes; nothing passes if the trial watches no eligibility."""
    rules = trial.rules
    if kind == "eligibility":
        read = watched(rules, "eligibility") if "eligibility" in rules.trail_review.watch else ()
        return Filter(trial.pk, watched=read or (("", "", ()),), states=("after_inclusion",))
    if kind == "outside":
        return Filter(trial.pk, outside=working_hours(rules))
    if kind == "late":
        return Filter(trial.pk, late=rules.trail_review.late_after_days)
    return Filter(trial.pk, states=(CHANGES[kind][1]["state"],))


def trail_url(trial: Trial, kind: str, patient: str = "") -> str:
    """Return the address of the entries of one kind, of one patient or of all."""
    query = {"patient": patient} if patient else {}
    return f"{address('audit:trail', trial.slug)}?{urlencode({**query, **CHANGES[kind][1]})}"
