"""The places where the death of a patient is stated, each linked to the others: form, end of study, adverse events."""

from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext as _

from patients.casebook.navigation import form_address
from patients.models import Patient, Visit
from patients.models.visit_forms import forms_of
from patients.participation.death import Death, death_of
from trials.reader import reader_language, shown_day, shown_moment


@dataclass(frozen=True, slots=True)
class DeathPlace:
    """One place: what it says now, and its page."""

    words: str
    url: str


def death_places(patient: Patient, death: Death | None) -> list[DeathPlace]:
    """Return the form with the date of death, the end of study and the adverse events. At most one query."""
    slug = patient.trial.slug
    places = [_form(patient, death)] if patient.protocol.rules.profile.died_on else []
    events = reverse("safety:listing", args=[slug], query={"patient": patient.code})
    return [
        *(each for each in places if each is not None),
        DeathPlace(_end_words(patient), reverse("patients:end", args=[slug, patient.code])),
        DeathPlace(_("Adverse events of this patient"), events),
    ]


def death_words(patient: Patient) -> str:
    """Return the sentence with the day of death that a form holds; empty without one. One query."""
    death = death_of(patient)
    if death is None or not death.form:
        return ""
    title = patient.protocol.rules.form(death.form).title.in_language(reader_language())
    text = _("%(form)s says that the patient died on %(day)s.")
    return text % {"form": title, "day": shown_moment(death.moment)}


def _form(patient: Patient, death: Death | None) -> DeathPlace | None:
    """Return the form that holds the date of death, else the latest visit at which it may be entered."""
    if death is not None and death.form:
        name, arguments, fragment = death.address(patient)
        words = _("Date of death: %(day)s") % {"day": shown_moment(death.moment)}
        return DeathPlace(words, f"{reverse(name, args=arguments)}{fragment}")
    form = (patient.protocol.rules.profile.died_on or "").partition(".")[0]
    held = patient.visits.filter(state=Visit.State.HELD).select_related("protocol")
    for visit in held.order_by("-held_on", "-pk"):
        if form in {entry.form for entry in forms_of(patient.protocol, visit)}:
            return DeathPlace(_("Enter the date of death"), form_address(patient, form, visit))
    return None


def _end_words(patient: Patient) -> str:
    if patient.ended_on is None:
        return _("End of study: not recorded yet")
    values = {"reason": patient.get_end_reason_display(), "day": shown_day(patient.ended_on)}
    return _("End of study: %(reason)s, %(day)s") % values
