"""Dose levels opened one after the other: who may be included now, and places opened by a signature.

The first level of the protocol is open from the start. A patient is placed at the level in force on inclusion; when its
places are taken, inclusion waits until an investigator opens places, at the next level, the same or a lower one.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from audit import signatures
from audit.context import acting
from audit.models import Meaning
from dosing.models import LevelOpening, LevelPatient
from patients.models import Patient
from protocol.document.dosing import DoseLevel
from trials.holds import refuse_held
from trials.models import Trial
from trials.reader import shown_day


@dataclass(frozen=True, slots=True)
class Escalation:
    """The levels of a trial now: the one in force, its places, and the patients who took one, by inclusion.

    A patient who left the trial before any infusion frees the place.
    """

    level: DoseLevel
    places: int
    patients: tuple[Patient, ...]

    @property
    def free(self) -> int:
        """Return the number of places that nobody has taken."""
        return max(0, self.places - len(self.patients))


def escalation(trial: Trial) -> Escalation | None:
    """Return the level in force; None in a trial without dose levels. Two queries."""
    levels = _levels(trial)
    if not levels:
        return None
    openings = list(LevelOpening.objects.filter(trial=trial).order_by("pk"))
    code = openings[-1].level if openings else levels[0].code
    level = next(each for each in levels if each.code == code)
    opened = sum(row.places for row in openings if row.level == code)
    places = opened + (level.patients if code == levels[0].code else 0)
    rows = LevelPatient.objects.filter(patient__trial=trial, level=code).select_related("patient")
    placed = [row.patient for row in rows.order_by("patient__enrolled_on", "pk")]
    return Escalation(level, places, tuple(each for each in placed if not _left_before_infusion(each)))


def inclusion_refusals(sender: Any, *, patient: Patient, on: date | None, **kwargs: Any) -> list[str]:
    """Return why a patient cannot be included on a day: no free place, or days to wait (`inclusion_asked`).

    No query in a trial without dose levels.
    """
    now = escalation(patient.trial)
    if now is None:
        return []
    title = str(now.level.title)
    if not now.free:
        text = _(
            "Every place at dose level “%(level)s” is taken: an investigator opens places before the next inclusion."
        )
        return [text % {"level": title}]
    if not now.level.days_between_patients:
        return []
    words = _not_observed(now.patients[-1:], now.level.days_between_patients, on or patient.trial.today)
    return [words] if words else []


def place_at_level(sender: Any, *, patient: Patient, by: User, **kwargs: Any) -> None:
    """Place a patient at the level in force, inside the transaction of the inclusion (`patient_enrolled`)."""
    now = escalation(patient.trial)
    if now is None:
        return
    with acting(user=by, system="schedule"):
        # After an inclusion that was struck out the patient may be placed at another level.
        LevelPatient.objects.update_or_create(patient=patient, defaults={"level": now.level.code})


@transaction.atomic
def open_level(*, trial: Trial, level: str, reason: str, password: str, by: User) -> LevelOpening:
    """Open the places of a level, signed: the next level, the same again, or a lower one.

    Raises ValidationError by field: no levels, an unknown level or one that skips another, no reason, places still
    free, days to wait after the last patient's first infusion, a trial on hold, and what a signature refuses.
    """
    held = Trial.objects.for_update(trial.pk)
    refuse_held(held)
    levels, now = _levels(held), escalation(held)
    if now is None:
        raise ValidationError(_("This protocol has no dose levels."))
    codes = [each.code for each in levels]
    if level not in codes:
        raise ValidationError({"level": _("Choose a dose level.")})
    if codes.index(level) > codes.index(now.level.code) + 1:
        raise ValidationError({"level": _("No level is skipped: open the next one first.")})
    if not reason.strip():
        raise ValidationError({"reason": _("Say on what the decision rests.")})
    if words := _not_yet(now, held.today):
        raise ValidationError(words)
    chosen = next(each for each in levels if each.code == level)
    row = LevelOpening.objects.create(
        trial=held, level=level, places=chosen.patients, reason=reason.strip(), opened_by=by
    )
    zone = held.rules.trial.site.time_zone
    signatures.sign(target=row, meaning=Meaning.APPROVAL, password=password, by=by, zone=zone)
    return row


def opening_refusal(trial: Trial) -> str:
    """Return the message why no places can be opened now; empty if they can, or without dose levels. Two queries."""
    now = escalation(trial)
    return _not_yet(now, trial.today) if now else ""


def _not_yet(now: Escalation, today: date) -> str:
    if now.free:
        return _("Places are still free at the level in force: none are opened before they are taken.")
    return _not_observed(now.patients, now.level.days_before_next, today)


def _not_observed(patients: tuple[Patient, ...], days: int, on: date) -> str:
    """Return the message why patients were not observed for some days until a day; empty if they were."""
    infused: list[tuple[date, str]] = []
    for patient in patients:
        if patient.first_infusion_on is None:
            text = _("%(patient)s has not had the first infusion: the next step waits for it.")
            return text % {"patient": patient.code}
        infused.append((patient.first_infusion_on, patient.code))
    if infused:
        day, code = max(infused)
        first_day = day + timedelta(days=days)
        if on < first_day:
            text = _("%(patient)s had the first infusion on %(day)s: the protocol waits until %(until)s.")
            return text % {"patient": code, "day": shown_day(day), "until": shown_day(first_day)}
    return ""


def _left_before_infusion(patient: Patient) -> bool:
    return patient.state != Patient.State.ENROLLED and patient.first_infusion_on is None


def _levels(trial: Trial) -> tuple[DoseLevel, ...]:
    dosing = trial.rules.dosing
    return dosing.levels if dosing else ()
