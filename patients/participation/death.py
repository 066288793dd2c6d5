"""The death of a patient, as a form or the end of study states it, and the questions about what comes after it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import OuterRef, Q, Subquery, TextField, Value
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce, Concat, Left
from django.db.models.lookups import LessThan, LessThanOrEqual
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
# For a date without a day or month: after each of its days. Of a living patient: after every day.
_PADDING, _WITHOUT_DAY, _NEVER = "-99-99", "9998", "9999"


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


def stated_death(records: Iterable[Record], rules: Protocol) -> str:
    """Return the date of death (ISO text) that a form of a patient states, empty without. No query."""
    form, _dot, item = (rules.profile.died_on or "").partition(".")
    found = [
        (row.pk, row.values[item])
        for row in records
        if row.form == form and row.state != Record.State.STRUCK_OUT and isinstance(row.values.get(item), str)
    ]
    return max(found)[1] if found else ""


def last_day_of_life(patient: Patient, stated: str = "") -> str:
    """Return the last day on which a patient may have died, empty for a living one. No query.

    stated: the date of death that a form holds (ISO text). The day is text that compares with the ISO text of days: a
    death in September 2026 is at the end of it, `2026-09-99`.
    """
    days = [f"{stated}{_PADDING}"[:10]] if stated else []
    if patient.end_reason == Patient.EndReason.DEATH and patient.ended_on:
        days.append(patient.ended_on.isoformat())
    return min(days, default="")


def is_after_death(last: date | None, died: str) -> bool:
    """Return whether a window had not ended before the death, so that nothing is waited for in it.

    last: the last day of the window, if it has one. died: `last_day_of_life`.
    """
    return bool(died) and (last is None or last.isoformat() >= died)


def ended_before_death(died_on: str | None) -> Q:
    """Return the condition for visits and infusions that a death does not concern (not `is_after_death`).

    Only deaths that forms state. died_on: the item that states the death (`form.item`), from the protocol's profile.
    """
    if not died_on:
        return Q()
    last = Coalesce(Cast("window_to", TextField()), Value(_WITHOUT_DAY, TextField()))
    return Q(LessThan(last, _stated_last_day_of_life(died_on)))


def begins_until_death(died_on: str | None) -> Q:
    """Return the condition for visits whose window begins on the day of death at the latest, so that they may be held.

    Only deaths that forms state. died_on: as for `ended_before_death`.
    """
    if not died_on:
        return Q()
    return Q(LessThanOrEqual(Cast("window_from", TextField()), _stated_last_day_of_life(died_on)))


def _stated_last_day_of_life(died_on: str) -> Coalesce:
    """Return the last day on which the patient of a row may have died, as SQL of the form `last_day_of_life`.

    Only what forms state. Of a living patient it is after every day.
    """
    form, _dot, item = died_on.partition(".")
    rows = Record.objects.filter(patient=OuterRef("patient"), form=form).exclude(
        state=Record.State.STRUCK_OUT
    )
    stated = rows.annotate(stated=KeyTextTransform(item, "values", output_field=TextField()))
    # A missing answer is an object with its code.
    dated = stated.filter(stated__isnull=False).exclude(stated__startswith="{").order_by("-pk")
    day = Left(Concat("stated", Value(_PADDING), output_field=TextField()), 10)
    return Coalesce(
        Subquery(dated.annotate(day=day).values("day")[:1]), Value(_NEVER), output_field=TextField()
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
