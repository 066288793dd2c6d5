"""The parts that stand on every page of a patient: the next step, and the tree of visits with the infusions."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from accounts.addresses import address
from dosing.models import Infusion
from patients.casebook.casebook import Casebook
from patients.casebook.navigation import Navigation, VisitLink
from patients.models import Patient
from reports.casebook.infusion_status import first_planned, infusion_status
from reports.casebook.patient_data import PatientData
from reports.casebook.step_facts import step_of
from reports.casebook.step_words import StepCard, card_of
from trials.reader import reader_language


@dataclass(frozen=True, slots=True)
class InfusionLink:
    """The infusion of a visit, as both arms have it: `state` and `flags` are those of the status glyph."""

    title: str
    url: str
    state: str
    flags: tuple[str, ...]
    current: bool


@dataclass(frozen=True, slots=True)
class TreeVisit:
    """A visit of the tree with its infusion, if the protocol plans one there and the patient is included."""

    link: VisitLink
    infusion: InfusionLink | None


def dossier_in(context: Any, patient: Patient) -> PatientData:
    """Return what the page has read of the patient, and keep it for the other parts of the page."""
    request = context["request"]
    known = context.get("dossier") or getattr(request, "dossier", None)
    if known is not None and known.patient.pk == patient.pk:
        return known
    casebook = context.get("casebook") or getattr(context.get("page"), "casebook", None)
    if not isinstance(casebook, Casebook) or casebook.save_place is not None:
        casebook = Casebook(patient, list(patient.visits.all()))
        casebook.attach_visits()
    request.dossier = PatientData(request.access, casebook)
    return request.dossier


def tree_of(dossier: PatientData, places: Navigation, here: str) -> list[TreeVisit]:
    """Return the visits with their infusions. here: the path of the page."""
    by_visit = {visit.code: visit.infusion for visit in dossier.rules.visits if visit.infusion}
    rows = {row.number: row for row in dossier.infusions}
    found = []
    for link in places.visits:
        row = rows.get(by_visit.get(link.key, 0))
        found.append(TreeVisit(link, infusion_link(dossier, row, here) if row else None))
    return found


def infusion_link(dossier: PatientData, row: Infusion, here: str) -> InfusionLink:
    """Return the link of an infusion with its state at the bedside."""
    url = address("dosing:infusion", dossier.access.trial.slug, dossier.patient.code, row.number)
    state, flags = infusion_status(
        row.state,
        (row.window_from, row.window_to),
        dossier.may_be_infused(row),
        dossier.today,
        in_turn=row.number == first_planned(dossier.infusions),
    )
    return InfusionLink(_("At the bedside"), url, state, flags, here.startswith(url))


def next_step_card(dossier: PatientData) -> StepCard:
    """Return the next step of the patient in the reader's language."""
    places, language = dossier.places, reader_language()
    titles = {visit.key: visit.title for visit in places.visits}
    forms = {form.code: form.title for visit in places.visits for form in visit.forms}
    return card_of(
        step_of(dossier, places.visits),
        access=dossier.access,
        code=dossier.patient.code,
        today=dossier.today,
        visit=lambda key: titles.get(key, key),
        form=lambda code: forms.get(code) or dossier.rules.form(code).title.in_language(language),
    )
