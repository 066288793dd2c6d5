"""Search for patients, forms, visits, adverse events, deviations and samples of the trial.

Identities are searched apart (`reports.search.people`). Lots and donors are found only by readers who may know the
treatment.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.addresses import address
from dosing.models import Preparation
from patients.models import Patient
from protocol.values.months import plain
from reports.search.deviations import deviations
from reports.search.log_rows import log_rows
from reports.search.people import search_person
from reports.search.places import MOST, Hit, casebook_url, places
from reports.search.samples import samples
from safety.models import AdverseEvent
from trials.access import Access, TrialRequest, trial_page
from trials.models import Trial
from trials.permissions import Permission as P
from trials.reader import shown_moment

LONGEST = 100


@dataclass(frozen=True, slots=True)
class Results:
    """Results by kind, at most twenty of each."""

    patients: list[Hit] = field(default_factory=list)
    places: list[Hit] = field(default_factory=list)
    events: list[Hit] = field(default_factory=list)
    products: list[Hit] = field(default_factory=list)
    rows: list[Hit] = field(default_factory=list)
    deviations: list[Hit] = field(default_factory=list)
    samples: list[Hit] = field(default_factory=list)

    @property
    def any(self) -> bool:
        """Return whether anything was found."""
        return any(getattr(self, each.name) for each in fields(self))


@trial_page(see=P.SEE_TRIAL, change=P.SEE_IDENTITY)
def search(request: TrialRequest) -> HttpResponse:
    """Show the results. The complete code of a patient redirects to the casebook."""
    access = request.access
    if request.method == "POST":
        return search_person(request)
    text = cleaned(request.GET.get("q", ""))
    patient = _patients(access).filter(code__iexact=text).first() if text else None
    if patient is not None:
        return redirect("reports:casebook", access.trial.slug, patient.code)
    context = {
        "search_text": text,
        "results": find(access, text) if text else Results(),
        "may_identify": access.may(P.SEE_IDENTITY),
        "finds_products": access.sees_treatment,
    }
    return render(request, "reports/search.html", context)


def cleaned(text: str) -> str:
    """Return the text on one line, without characters that a database refuses."""
    return " ".join("".join(letter for letter in text if letter.isprintable()).split())[:LONGEST]


def find(access: Access, text: str) -> Results:
    """Return the results. Words that are part of a subject code limit the other results to those patients."""
    words = text.split()
    codes = [word for word in words if _looks_like_code(access.trial, word)]
    patients = list(_patients(access).filter(_any_code(codes)).order_by("number")[:MOST]) if codes else []
    named = [word for word in codes if any(word.casefold() in each.code.casefold() for each in patients)]
    rest = " ".join(word for word in words if word not in named)
    return Results(
        patients=[
            Hit(casebook_url(access, each), each.code, str(each.get_state_display())) for each in patients
        ],
        places=places(access, rest, patients),
        events=_events(access, rest, patients),
        products=_products(access, text),
        rows=log_rows(access, rest, patients),
        deviations=deviations(access, rest, patients),
        samples=samples(access, rest, patients),
    )


def _patients(access: Access) -> Any:
    return Patient.objects.visible_to(access.user).filter(trial=access.trial)


def _looks_like_code(trial: Trial, word: str) -> bool:
    """Return whether a word may be part of a subject code: it has a digit, or is the prefix of the codes."""
    if any(plain(word) == plain(visit.code) for rules in trial.all_rules.values() for visit in rules.visits):
        return False
    beginning = trial.rules.trial.subject_code.split("{")[0].rstrip("-_").casefold()
    return any(sign.isdigit() for sign in word) or word.rstrip("-_").casefold() == beginning


def _any_code(words: Sequence[str]) -> Q:
    found = Q()
    for word in words:
        found |= Q(code__icontains=word)
    return found


def _events(access: Access, text: str, patients: Sequence[Patient]) -> list[Hit]:
    if not text:
        return []
    rows = AdverseEvent.objects.visible_to(access.user).filter(trial=access.trial, term__icontains=text)
    if patients:
        rows = rows.filter(patient__in=patients)
    found = rows.select_related("patient").order_by("-onset_earliest", "-pk")[:MOST]
    return [_event_hit(access, event) for event in found]


def _event_hit(access: Access, event: AdverseEvent) -> Hit:
    url = reverse("safety:event", args=[access.trial.slug, event.patient.code, event.number])
    note = _("grade %(grade)s, %(onset)s") % {
        "grade": event.grade,
        "onset": shown_moment(event.onset_moment),
    }
    return Hit(url, f"{event.patient.code} {event} – {event.term}", note)


def _products(access: Access, text: str) -> list[Hit]:
    if not access.sees_treatment:
        return []
    rows = Preparation.objects.visible_to(access.user).filter(patient__trial=access.trial)
    rows = rows.filter(Q(lot__icontains=text) | Q(donor_code__icontains=text))
    return [
        Hit(
            address("dosing:preparation", access.trial.slug, row.patient.code, row.infusion.number),
            _("%(code)s infusion %(number)s") % {"code": row.patient.code, "number": row.infusion.number},
            " · ".join(filter(None, [row.lot, row.donor_code])),
        )
        for row in rows.select_related("patient", "infusion").order_by("patient__number", "infusion__number")[
            :MOST
        ]
    ]
