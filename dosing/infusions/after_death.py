"""Infusions given after a patient's death. Bedside times only: they are the same in both arms."""

from typing import Any

from django.utils.translation import gettext as _

from dosing.models import Infusion
from patients.models import Patient
from patients.participation.after_death import Deaths, LateFact
from patients.participation.death import Death
from protocol.values.moments import Moment
from trials.reader import shown_moment


def infusions_after(deaths: Deaths, *, slug: str) -> list[LateFact]:
    """Return the infusions that were given or ended after the deaths. One query, none without a death."""
    if not deaths:
        return []
    given = Infusion.objects.filter(patient__in=list(deaths), state=Infusion.State.GIVEN)
    return [
        _fact(row, deaths[row.patient_id], slug)
        for row in given.select_related("patient").order_by("patient_id", "number")
        if deaths[row.patient_id].before(Moment.from_iso(row.ended))
    ]


def of_patient(sender: type[Patient], patient: Patient, death: Death, **_: Any) -> list[LateFact]:
    """Return the infusions after the death of one patient (receiver of `recorded_after_death`)."""
    deaths = {} if patient.first_infusion_on is None else {patient.pk: death}
    return infusions_after(deaths, slug=patient.trial.slug)


def _fact(row: Infusion, death: Death, slug: str) -> LateFact:
    text = _("Infusion %(number)s was given at %(at)s, after the death on %(died)s.")
    parameters = {
        "number": row.number, "at": shown_moment(row.started), "died": shown_moment(death.moment)
    }  # fmt: skip
    address = ("dosing:infusion", (slug, row.patient.code, row.number), "")
    return LateFact(row.patient, f"infusion:{row.number}:{row.ended}", text % parameters, address)
