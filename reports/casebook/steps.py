"""Steps of a patient through the trial: consent, eligibility, inclusion, infusions, end of study."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dosing.models import Infusion
from patients.models import Consent, EligibilityDecision, Patient, Visit
from patients.participation.eligibility_decisions import eligibility
from patients.participation.logs.contacts import contact_codes, contacts_due
from patients.participation.visit_status import NOT_APPLICABLE, NOT_STARTED
from patients.views.visits import title_of
from reports.casebook.infusion_status import first_planned
from reports.casebook.patient_data import PatientData
from trials.reader import shown_day

State = Patient.State
DONE, SIGNED = "complete", "signed"


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `state` and `flags` choose the icon; `note` says what is known or missing."""

    title: str | Promise
    state: str
    note: str
    url: str
    flags: tuple[str, ...] = ()


def steps(dossier: PatientData, base: str) -> list[Step]:
    """Return the steps of a patient in order. `base` is the URL of the casebook."""
    return [
        _consent(dossier, base),
        _eligibility(dossier, base),
        _inclusion(dossier, base),
        *(_infusion(dossier, infusion, base) for infusion in dossier.infusions),
        *_contacts(dossier, base),
        _end(dossier, base),
    ]


def _consent(dossier: PatientData, base: str) -> Step:
    title, url = _("Consent"), f"{base}consent/"
    if not dossier.consents:
        if dossier.is_open:
            return Step(title, NOT_STARTED, _("not recorded yet"), url, ("due",))
        return Step(title, NOT_APPLICABLE, _("none recorded"), url)
    consent = dossier.consents[-1]
    if consent.type != Consent.Type.PATIENT and consent.capacity_regained_on and dossier.is_open:
        return Step(title, DONE, _("the patient must confirm it now"), url, ("overdue",))
    parameters = {"version": consent.version, "giver": consent.get_type_display()}
    # Translators: the version of the consent form and who gave the consent
    return Step(title, DONE, _("v%(version)s, %(giver)s") % parameters, url)


def _eligibility(dossier: PatientData, base: str) -> Step:
    title, url, decision = _("Eligibility"), f"{base}eligibility/", dossier.decision
    if decision is not None and decision.rests_on_changes:
        return Step(title, SIGNED, _("rests on inputs that changed since"), url, ("overdue",))
    if decision is not None and decision.holds:
        group = f", {decision.group}" if decision.group else ""
        return Step(title, SIGNED, f"{decision.get_conclusion_display()}{group}", url)
    if dossier.patient.state != State.SCREENING:
        return Step(title, NOT_APPLICABLE, _("not decided"), url)
    if decision is not None:
        return Step(title, NOT_STARTED, _("the signature is no longer valid"), url, ("due",))
    waiting = len(eligibility.evaluate(dossier.patient).blocking_criteria)
    note = (
        ngettext(
            "%(waiting)s criterion does not allow it yet", "%(waiting)s criteria do not allow it yet", waiting
        )
        % {"waiting": waiting}
        if waiting
        else _("an investigator can sign it")
    )
    return Step(title, NOT_STARTED, note, url, () if waiting else ("due",))


def _inclusion(dossier: PatientData, base: str) -> Step:
    patient, title, url = dossier.patient, _("Inclusion"), f"{base}enrol/"
    if patient.enrolled_on:
        return Step(title, DONE, shown_day(patient.enrolled_on), url)
    if patient.state == State.SCREEN_FAILED:
        return Step(title, NOT_APPLICABLE, _("screen failure"), f"{base}fail/")
    decision = dossier.decision
    ready = (
        decision is not None
        and decision.holds
        and decision.conclusion == EligibilityDecision.Conclusion.ELIGIBLE
    )
    note = _("can be included") if ready and dossier.consents else _("after consent and eligibility")
    return Step(title, NOT_STARTED, note, url, ("due",) if ready and dossier.consents else ())


def _infusion(dossier: PatientData, infusion: Infusion, base: str) -> Step:
    title = _("Infusion %(number)s") % {"number": infusion.number}
    url = f"{base}infusions/{infusion.number}/"
    if infusion.state == Infusion.State.GIVEN and infusion.started_at:
        given = dossier.access.trial.day_of(infusion.started_at)
        return Step(title, DONE, shown_day(given), url)
    if infusion.state == Infusion.State.NOT_GIVEN:
        return Step(title, "missed", _("not given"), url)
    if not dossier.may_be_infused(infusion):
        return Step(title, NOT_APPLICABLE, _("not given"), url)
    first, last = infusion.window_from, infusion.window_to
    late = last is not None and last < dossier.today
    flags = ("overdue",) if late else ("due",) if first is not None and first <= dossier.today else ()
    if infusion.number != first_planned(dossier.infusions):
        flags = ()
    note = (
        _("planned on %(day)s") % {"day": shown_day(infusion.planned_on)}
        if infusion.planned_on
        else _("not planned yet")
    )
    return Step(title, NOT_STARTED, note, url, flags)


def _contacts(dossier: PatientData, base: str) -> Iterator[Step]:
    """Yield the contacts that are due. One query, only once the window of a visit at home is open."""
    patient = dossier.patient
    codes = contact_codes(dossier.access.trial.rules)
    opened = [visit for visit in dossier.visits if visit.code in codes and visit.state == Visit.State.PLANNED]
    if not any(visit.window_from and visit.window_from <= dossier.today for visit in opened):
        return
    for visit in contacts_due(dossier.access.trial, Visit.objects.filter(patient=patient)):
        late = visit.window_to is not None and visit.window_to < dossier.today
        note = ngettext("%(attempts)s failed attempt", "%(attempts)s failed attempts", visit.attempts)
        yield Step(
            _("Contact for %(visit)s") % {"visit": title_of(visit, patient)},
            NOT_STARTED,
            note % {"attempts": visit.attempts},
            f"{base}contacts/",
            ("overdue",) if late else ("due",),
        )


def _end(dossier: PatientData, base: str) -> Step:
    patient, title, url = dossier.patient, _("End of study"), f"{base}end/"
    if patient.ended_on:
        return Step(title, DONE, f"{patient.get_end_reason_display()}, {shown_day(patient.ended_on)}", url)
    if patient.state == State.SCREEN_FAILED:
        return Step(title, NOT_APPLICABLE, _("not included"), url)
    waiting = sum(visit.state == "planned" for visit in dossier.visits)
    note = ngettext("%(waiting)s visit to come", "%(waiting)s visits to come", waiting) % {"waiting": waiting}
    ready = patient.state == State.ENROLLED and not waiting
    return Step(
        title,
        NOT_STARTED,
        _("every visit is held or missed") if ready else note,
        url,
        ("due",) if ready else (),
    )
