"""The death of a patient, as a form or the end of study states it, and the questions about what comes after it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils.translation import gettext as _

from patients.models import Patient, Record
from patients.participation.questions import Question
from protocol.document.document import Protocol
from protocol.values.moments import Moment, before
from trials.models import Trial
from trials.reader import shown_moment


@dataclass(frozen=True, slots=True)
class Death:
    """The date of death, possibly partial, and where it is stored.

    form, item, visit, repeat: the form that holds it; all empty if only the end of study states the death.
    """

    moment: Moment
    form: str = ""
    item: str = ""
    visit: str = ""
    repeat: int = 1

    def before(self, moment: Moment | None) -> bool:
        """Return True if the moment is certainly after the death. A partial date decides only as a whole."""
        return moment is not None and before(self.moment, moment) is True

    def agrees_with_end(self, patient: Patient) -> bool:
        """Return whether the end of study of a patient states this death, on this day."""
        day = patient.ended_on.isoformat() if patient.ended_on else ""
        return patient.end_reason == Patient.EndReason.DEATH and self.moment.iso == day

    def address(self, patient: Patient) -> tuple[str, tuple[object, ...], str]:
        """Return name, arguments and fragment of the page on which the date of death is corrected."""
        slug = patient.trial.slug
        if not self.form:
            return "patients:end", (slug, patient.code), ""
        fragment = f"?field={self.item}#{self.item}"
        if self.visit:
            return "patients:form", (slug, patient.code, self.visit, self.form), fragment
        return "patients:log", (slug, patient.code, self.form, self.repeat), fragment


COLUMNS = ("patient", "values", "repeat", "visit__code", "visit__number")


def died_on(patient: Patient) -> str | None:
    """Return the date of death that a form holds (ISO text), None if there is none. At most one query."""
    found = _captured(patient.protocol.rules, patient=patient).get(patient.pk)
    return found.moment.iso if found else None


def death_of(patient: Patient) -> Death | None:
    """Return the death of a patient, None if nothing states one. At most one query."""
    return deaths_of([patient], patient.protocol.rules).get(patient.pk)


def deaths_of(patients: Iterable[Patient], rules: Protocol) -> dict[int, Death]:
    """Return the deaths by patient. A form's date counts before the day of the end of study. At most one query."""
    patients = list(patients)
    zone = rules.trial.site.time_zone
    found = {
        patient.pk: Death(Moment.from_date(patient.ended_on, zone))
        for patient in patients
        if patient.end_reason == Patient.EndReason.DEATH and patient.ended_on
    }
    return {**found, **_captured(rules, patient__in=[patient.pk for patient in patients])}


def deaths_in(trial: Trial) -> dict[int, Death]:
    """Return the deaths of a trial by patient. Two queries."""
    ended = Patient.objects.filter(trial=trial, end_reason=Patient.EndReason.DEATH, ended_on__isnull=False)
    zone = trial.rules.trial.site.time_zone
    days = ended.values_list("pk", "ended_on")
    found = {patient: Death(Moment.from_date(day, zone)) for patient, day in days if day}
    return {**found, **_captured(trial.rules, patient__trial=trial)}


def states_death(records: Iterable[Record], rules: Protocol) -> bool:
    """Return whether a form among the records of a patient states the date of death. No query."""
    form, _dot, item = (rules.profile.died_on or "").partition(".")
    return any(
        row.form == form and row.state != Record.State.STRUCK_OUT and isinstance(row.values.get(item), str)
        for row in records
    )


def _captured(rules: Protocol, **whose: Any) -> dict[int, Death]:
    """Return the dates of death that forms hold; of several the one stored last."""
    path = rules.profile.died_on
    if path is None:
        return {}
    form, _dot, item = path.partition(".")
    rows = Record.objects.filter(form=form, values__has_key=item, **whose).exclude(
        state=Record.State.STRUCK_OUT
    )
    found = {}
    for row in rows.select_related("visit").only(*COLUMNS).order_by("pk"):
        if isinstance(day := row.values.get(item), str):
            moment = Moment.from_iso(day, rules.trial.site.time_zone)
            visit = row.visit.key if row.visit else ""
            found[row.patient_id] = Death(moment, form, item, visit, row.repeat)
    return found


def visit_after_death(patient: Patient, day: date) -> list[Question]:
    """Return the question about a visit on a day after the death; empty if the day is possible. At most one query."""
    text = _("The patient died on %(died)s: the visit was held after the death.")
    return _after_death(patient, Moment.from_date(day, patient.trial.time_zone), f"visit:{day}", text)


def sample_after_death(patient: Patient, taken: Moment) -> list[Question]:
    """Return the question about a sample taken after the death; empty if the time is possible. At most one query."""
    text = _("The patient died on %(died)s: the sample was taken after the death.")
    return _after_death(patient, taken, f"sample:{taken.iso}", text)


def _after_death(patient: Patient, moment: Moment, code: str, text: str) -> list[Question]:
    death = death_of(patient)
    if death is None or not death.before(moment):
        return []
    return [question_of(patient, death, code, text)]


def question_of(patient: Patient, death: Death, code: str, text: str) -> Question:
    """Return the question with the day of death in its text (`%(died)s`) and the link to correct it."""
    return Question(
        code=f"{code}:died:{death.moment.iso}",
        text=text % {"died": shown_moment(death.moment)},
        address=death.address(patient),
        correct=_("Correct the date of death"),
    )
