"""The conditions under which a form may be entered now, and the message if one is not met (P11-06)."""

from datetime import date

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from patients.casebook.casebook import Casebook, FormPlace
from patients.models import Patient, Record, Visit
from patients.models.visit_forms import day_of, forms_of, version_at
from patients.participation.consents import reconsent
from patients.participation.lifecycle import refuse_closed_form, refuse_when_closed
from patients.participation.visits import UNSCHEDULED
from trials.reader import shown_day


def entry_refusal(casebook: Casebook, place: FormPlace, record: Record | None) -> str:
    """Return the message why the form cannot be entered now, empty if it can."""
    try:
        refuse_entry(casebook, place, record)
    except ValidationError as refused:
        return " ".join(refused.messages)
    return ""


def refuse_entry(casebook: Casebook, place: FormPlace, record: Record | None) -> None:
    """Raise ValidationError unless the form can be entered or changed now."""
    patient = casebook.patient
    refuse_when_closed(patient)
    refuse_closed_form(record, place.visit)
    if record is not None and record.state == Record.State.STRUCK_OUT and place.visit is None:
        raise ValidationError(_("This row was entered in error and struck out. Add a new row."))
    if casebook.consent is None:
        raise ValidationError(
            _("No consent is recorded for %(patient)s: record the consent first.") % {"patient": patient.code}
        )
    # A complete form may be corrected; new data wait for the re-consent that an amendment requires.
    if record is None or record.state != Record.State.COMPLETE:
        _refuse_until_signed_again(patient, casebook)
    # A form that was begun may be completed and corrected; the conditions below apply to new forms only.
    if record is not None and record.state != Record.State.STRUCK_OUT:
        return
    _refuse_unplanned_form(patient, place)
    _refuse_withdrawn(patient, place)
    if patient.state == Patient.State.SCREEN_FAILED:
        raise ValidationError(
            _("%(patient)s failed screening: no new form is entered.") % {"patient": patient.code}
        )
    if place.visit is not None:
        _refuse_visit(patient, place, place.visit)


def _refuse_until_signed_again(patient: Patient, casebook: Casebook) -> None:
    """Raise ValidationError if an amendment requires a re-consent that the patient has not signed yet."""
    if patient.reconsent_version and (words := reconsent.reconsent_message(patient, casebook.consent)):
        raise ValidationError(words)


def _refuse_withdrawn(patient: Patient, place: FormPlace) -> None:
    """Raise ValidationError for a new form that the withdrawal of consent no longer allows (PRV-03)."""
    if patient.data_withdrawn_on:
        text = _("Consent for new data was withdrawn on %(day)s: no new form is entered.")
        raise ValidationError(text % {"day": shown_day(patient.data_withdrawn_on)})
    # A planned visit would be held today: what took place before has its day recorded first.
    day = (place.visit.held_on if place.visit else None) or patient.trial.today
    if place.form.samples and patient.samples_withdrawn_on and day > patient.samples_withdrawn_on:
        text = _("Consent for samples was withdrawn on %(day)s: no sample is taken after it.")
        raise ValidationError(text % {"day": shown_day(patient.samples_withdrawn_on)})
    if place.visit and patient.follow_up_withdrawn_on and day > patient.follow_up_withdrawn_on:
        text = _(
            "Consent for follow-up was withdrawn on %(day)s: if the visit took place until then, record its day first."
        )
        raise ValidationError(text % {"day": shown_day(patient.follow_up_withdrawn_on)})


def _refuse_unplanned_form(patient: Patient, place: FormPlace) -> None:
    rules, form = patient.protocol.rules, place.form.code
    if place.visit is None:
        is_planned = form in rules.logs
    elif place.visit.state == Visit.State.CANCELLED:
        is_planned = False
    else:
        is_planned = form in {entry.form for entry in forms_of(patient.protocol, place.visit)}
    if not is_planned:
        text = _(
            "Version %(version)s of the protocol does not ask for this form here: nothing new is entered."
        )
        raise ValidationError(text % {"version": patient.protocol.version})


def _refuse_visit(patient: Patient, place: FormPlace, visit: Visit) -> None:
    names = {"patient": patient.code, "visit": visit.key}
    if visit.state == Visit.State.MISSED:
        raise ValidationError(_("%(visit)s was missed: record the day on which it was held first.") % names)
    if patient.state == Patient.State.SCREENING and not _belongs_to_screening(place, visit):
        raise ValidationError(_("%(visit)s comes after inclusion: include %(patient)s first.") % names)
    day = day_of(visit)
    if patient.state == Patient.State.ENDED and (day is None or day > (patient.ended_on or date.min)):
        raise ValidationError(
            _("%(visit)s is after the end of the study: no more data are collected.") % names
        )
    if visit.state == Visit.State.PLANNED:
        _refuse_future(patient, visit)


def _belongs_to_screening(place: FormPlace, visit: Visit) -> bool:
    if visit.code == UNSCHEDULED:
        return True
    rules = version_at(place.patient.protocol, visit).rules
    return any(each.code == visit.code and each.kind == "screening" for each in rules.visits)


def _refuse_future(patient: Patient, visit: Visit) -> None:
    if visit.window_from is None:
        raise ValidationError(
            _("%(visit)s has no date yet. Record the day on which it was held.") % {"visit": visit.key}
        )
    if visit.window_from > patient.trial.today:
        raise ValidationError(
            _("%(visit)s opens on %(day)s. If the patient came earlier, record the day on which it was held.")
            % {"visit": visit.key, "day": shown_day(visit.window_from)}
        )
