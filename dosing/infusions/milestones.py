"""Given infusions as milestones of a patient, for rooms that must not import `dosing` (safety)."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from django.db.models import Exists, OuterRef, Q
from django.urls import reverse
from django.utils.translation import gettext as _

from dosing.models import Infusion
from patients.models import Patient
from patients.participation.milestones import Milestone
from patients.participation.treatment.infusion_links import InfusionAddress
from protocol.values.moments import Moment


def infusions_given(patients: Sequence[Patient]) -> Iterator[Milestone]:
    """Yield a milestone for each infusion given to these patients. One query."""
    rows = Infusion.objects.filter(patient__in=patients, state=Infusion.State.GIVEN)
    for row in rows.values_list("patient_id", "number", "started"):
        label = _("Infusion %(number)d") % {"number": row[1]}
        yield Milestone(
            patient_id=row[0], kind="infusion", number=row[1], label=label, at=Moment.from_iso(row[2])
        )


def onset_after_infusion(days: int) -> Q:
    """Return the condition that an onset may lie at most so many times 24 hours after an infusion was started."""
    given = Infusion.objects.filter(
        patient=OuterRef("patient"),
        state=Infusion.State.GIVEN,
        started_at__lte=OuterRef("onset_latest"),
        started_at__gte=OuterRef("onset_earliest") - timedelta(days=days),
    )
    return Q(Exists(given))


def infusions_with_address(patient: Patient) -> Iterator[InfusionAddress]:
    """Yield every infusion of a patient with the address of its bedside: an event may begin before it is given."""
    for number in Infusion.objects.filter(patient=patient).values_list("number", flat=True):
        address = reverse("dosing:bedside", args=[patient.trial.slug, patient.code, number])
        yield InfusionAddress(number, _("Infusion %(number)d") % {"number": number}, address)


def times_at_visit(visit: int) -> Mapping[str, str]:
    """Return start and end of the infusion given at a visit, by their names in expressions. One query."""
    rows = Infusion.objects.filter(visit=visit, state=Infusion.State.GIVEN)
    found = rows.values_list("started", "ended").first()
    return dict(zip(("started_at", "ended_at"), found, strict=True)) if found else {}
