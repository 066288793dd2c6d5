"""Search for visits and forms by title or code, in all protocol versions of the trial.

Forms and visits that an amendment dropped are found where they were captured, and for visits that stay under
the earlier version.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from accounts.addresses import address
from patients.models import Patient, Record, Visit
from patients.participation.visit_status import OPEN_PATIENTS
from protocol.document.design import UNSCHEDULED
from protocol.document.document import Protocol
from protocol.values.months import plain
from trials.access import Access
from trials.reader import reader_language

MOST = 20


@dataclass(frozen=True, slots=True)
class Hit:
    """One search result: URL, name and note."""

    url: str
    name: str
    note: str = ""


def casebook_url(access: Access, patient: Patient) -> str:
    """Return the URL of a patient's casebook."""
    return address("reports:casebook", access.trial.slug, patient.code)


def places(access: Access, text: str, patients: Sequence[Patient]) -> list[Hit]:
    """Return the visits, or their forms, that the text names: of the given patients, or else the latest ones.

    Two queries, one more if a form is named.
    """
    forms, codes = codes_named(access.trial.all_rules.values(), text)
    if not forms and not codes:
        return []
    rows = Visit.objects.visible_to(access.user).filter(patient__trial=access.trial)
    rows = rows.annotate(under=Coalesce("protocol_id", "patient__protocol_id"))
    rows = rows.filter(_planned_or_recorded(access, forms)) if forms else rows
    rows = rows.filter(code__in=codes) if codes else rows
    today = access.trial.today
    if patients:
        rows = rows.filter(patient__in=patients).order_by("patient__number", "position")
    else:
        begun = Q(held_on__isnull=False) | Q(window_from__lte=today, patient__state__in=OPEN_PATIENTS)
        rows = rows.filter(begun).order_by(Coalesce("held_on", "planned_on").desc(), "patient__number")
    found = list(rows.select_related("patient")[:MOST])
    begun_forms = _recorded_forms(found, forms)
    hits = [hit for visit in found for hit in _hits(access, visit, forms, begun_forms.get(visit.pk, ()))]
    return hits[:MOST]


def codes_named(versions: Collection[Protocol], text: str) -> tuple[set[str], set[str]]:
    """Return the codes of forms and visits whose code or title contains the words, in any version and language."""
    words = plain(text).split()
    if not words:
        return set(), set()
    known = [visit for rules in versions for visit in rules.visits]
    all_forms = [pair for rules in versions for pair in rules.forms.items()]
    visits = {visit.code for visit in known if plain(visit.code) in words}
    rest = [word for word in words if word not in {plain(code) for code in visits}]
    if not visits:
        visits = {visit.code for visit in known if _holds([*visit.title.root.values()], words)}
    forms = {code for code, form in all_forms if rest and _holds([*form.title.root.values(), code], rest)}
    # A visit code together with words that name no form: nothing matches both.
    if rest and not forms and visits and rest != words:
        return set(), set()
    return forms, visits if not forms or rest != words else set()


def _holds(titles: Sequence[str], words: Sequence[str]) -> bool:
    return any(all(word in plain(title) for word in words) for title in titles)


def _planned_or_recorded(access: Access, forms: set[str]) -> Q:
    """Return a condition for visits that have one of the forms in their protocol version or as a record."""
    here = Record.objects.filter(visit=OuterRef("pk"), form__in=forms).exclude(state=Record.State.STRUCK_OUT)
    found = Q(Exists(here))
    for pk, rules in access.trial.all_rules.items():
        at = [visit.code for visit in rules.visits if forms.intersection(visit.form_codes)]
        found |= Q(under=pk, code__in=at) & ~Q(state=Visit.State.CANCELLED)
    return found


def _recorded_forms(visits: Sequence[Visit], forms: set[str]) -> dict[int, list[str]]:
    """Return by visit which of the forms have a record. One query if any form is searched for."""
    found: dict[int, list[str]] = {}
    rows = Record.objects.filter(visit__in=visits, form__in=forms).exclude(state=Record.State.STRUCK_OUT)
    for visit, form in rows.order_by("pk").values_list("visit_id", "form") if forms and visits else ():
        found.setdefault(visit, []).append(form)
    return found


def _hits(access: Access, visit: Any, forms: set[str], begun: Sequence[str]) -> list[Hit]:
    language, versions = reader_language(), access.trial.all_rules
    rules = [versions[visit.under], *versions.values()]
    where = access.trial.slug, visit.patient.code, visit.key
    title, name = _title(rules, visit, language), f"{visit.patient.code} {visit.key}"
    if not forms:
        return [Hit(address("patients:visit", *where), name, f"{title}, {visit.get_state_display()}")]
    cancelled = visit.state == Visit.State.CANCELLED
    planned = [] if cancelled else [form for form in _forms_at(rules[0], visit.code) if form in forms]
    titles = {form: next(each.form(form) for each in rules if form in each.forms).title for form in forms}
    return [
        Hit(address("patients:form", *where, form), f"{name} – {titles[form].in_language(language)}", title)
        for form in dict.fromkeys([*planned, *begun])
    ]


def _forms_at(rules: Protocol, code: str) -> Sequence[str]:
    return next((visit.form_codes for visit in rules.visits if visit.code == code), ())


def _title(versions: Sequence[Protocol], visit: Visit, language: str) -> str:
    if visit.code == UNSCHEDULED:
        return _("Unscheduled visit")
    known = (each.visit(visit.code) for each in versions if any(v.code == visit.code for v in each.visits))
    return next((each.title.in_language(language) for each in known), visit.key)
