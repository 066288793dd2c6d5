"""Search for a patient by name or hospital number, for readers who may see identities.

The words are sent by POST, so that no identifier is in a URL (PRV-05), and each such search is recorded (PRV-04).
"""

from django.contrib import messages
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from audit import events
from audit.stored_text import system_text
from patients.models import Identity
from patients.views.identity_looks import record_look
from protocol.values.likeness import number_key
from protocol.values.months import plain
from reports.search.places import MOST, Hit, casebook_url
from trials.access import TrialRequest

SHORTEST = 2


def search_person(request: TrialRequest) -> HttpResponse:
    """Open the casebook of the only person found; list several; say it if there is none."""
    typed = " ".join(request.POST.get("person", "").split())[:200]
    if not typed:
        return redirect("reports:search", request.trial.slug)
    found = found_by(request, typed)
    if not found:
        # Recorded even if nothing is found: the search used identifying data.
        detail = {"searched": system_text("search.person"), "found": False}
        kind = events.AccessKind.IDENTITY_SEEN
        events.record(kind=kind, trial_id=request.trial.pk, detail=detail, request=request)
        messages.warning(
            request,
            _("No patient of this trial has this name or hospital number. Check every letter and digit."),
        )
        return redirect("reports:search", request.trial.slug)
    for identity in found:
        record_look(request, identity.patient, searched=system_text("search.person"))
    if len(found) == 1:
        return redirect("reports:casebook", request.trial.slug, found[0].patient.code)
    hits = [
        Hit(casebook_url(request.access, each.patient), each.patient.code, each.name or each.hospital_number)
        for each in found
    ]
    return render(request, "reports/search.html", {"people": hits, "may_identify": True})


def found_by(request: TrialRequest, typed: str) -> list[Identity]:
    """Return the identities of the trial with that whole hospital number, else those whose name has all the words."""
    rows = Identity.objects.visible_to(request.user).filter(trial=request.trial).select_related("patient")
    if key := number_key(typed):
        # A person who failed screening is found by the number as it was typed: the key is free for the next screening.
        same = rows.filter(Q(number_key=key) | Q(hospital_number=typed)).order_by("-number_key")
        if (numbered := same.first()) is not None:
            return [numbered]
    words = plain(typed).split()
    if max(map(len, words), default=0) < SHORTEST:
        return []
    # Compared here: no database folds case and accents as `plain` does.
    named = (each for each in rows.exclude(name="").order_by("patient__number") if _has(each.name, words))
    return [each for each, _place in zip(named, range(MOST), strict=False)]


def _has(name: str, words: list[str]) -> bool:
    parts = plain(name).replace(",", " ").replace("-", " ").split()
    wanted = [part for word in words for part in word.replace(",", " ").replace("-", " ").split()]
    return bool(wanted) and all(any(part.startswith(word) for part in parts) for word in wanted)
