"""Pages to freeze, lock and unlock a form, visit, patient or trial, and the listing of freezes and locks."""

from collections.abc import Callable, Sequence
from typing import Any

import django_filters
from django.core.exceptions import BadRequest, ValidationError
from django.http import Http404, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from accounts.sessions.kept_forms import sent_or_kept
from patients.casebook.navigation import form_address
from patients.models import DataLock, Patient, Record, UnlockRequest, Visit
from patients.models.visit_forms import visit_title
from patients.queries.filters import NOT_CLOSED
from patients.review import locks as data_locks
from patients.views.next_ways import say
from trials.access import TrialRequest, trial_page
from trials.listing import Column, Listing
from trials.models import Trial
from trials.permissions import Permission as P
from trials.reader import reader_language

LONGEST = 2000
PARENTS = {
    "record": ("patient__trial", "patient__protocol", "visit", "protocol"),
    "visit": ("patient__trial", "patient__protocol"),
}
MODELS: dict[str, Any] = {"record": Record, "visit": Visit, "patient": Patient}


def target_of(request: TrialRequest, level: str, key: int) -> Any:
    """Return the form, visit, patient or trial of an address. Raises Http404 if the person may not see it."""
    if level == "trial" and key == request.trial.pk:
        return request.trial
    if level not in MODELS:
        raise Http404
    rows = (
        MODELS[level]
        .objects.visible_to(request.user)
        .select_related(*PARENTS.get(level, ("trial", "protocol")))
    )
    inside = {"trial": request.trial} if level == "patient" else {"patient__trial": request.trial}
    return get_object_or_404(rows, pk=key, **inside)


def title_of(target: Any) -> str:
    """Return the title of a form, visit, patient or trial in the reader's language."""
    language = reader_language()
    match target:
        case Record():
            form = target.protocol.rules.form(target.form).title.in_language(language)
            if target.visit is None:
                return f"{target.patient.code} · {form} {target.repeat}"
            visit = visit_title(target.protocol, target.visit, language, _("Unscheduled visit"))
            return f"{target.patient.code} · {visit} · {form}"
        case Visit():
            visit = visit_title(target.patient.protocol, target, language, _("Unscheduled visit"))
            return f"{target.patient.code} · {visit}"
        case Trial():
            return _("The trial %(trial)s") % {"trial": target}
    return str(target)


def address_of_target(target: Any, slug: str) -> str:
    """Return the address of the page that shows the target."""
    match target:
        case Record():
            return form_address(target.patient, target.form, target.visit, target.repeat, slug=slug)
        case Visit():
            return reverse("patients:visit", args=[slug, target.patient.code, target.key])
        case Patient():
            return reverse("reports:casebook", args=[slug, target.code])
    return reverse("reports:home", args=[slug])


def lock_address(target: Any, slug: str, name: str = "patients:lock") -> str:
    """Return the address of the target's page to freeze and lock."""
    return reverse(name, args=[slug, data_locks.level_of(target).value, target.pk])


@trial_page(see=P.SEE_TRIAL, change=P.LOCK)
def lock(request: TrialRequest, level: str, key: int) -> HttpResponse:
    """Show the freezes and locks of a form, visit, patient or the trial; freeze, lock, or release a freeze."""
    target = target_of(request, level, key)
    verbs: dict[str, Callable[..., Any]] = {"freeze": data_locks.freeze, "release": data_locks.release_freeze}
    if level != "trial":
        verbs["lock"] = data_locks.lock
    return _page_or_action(request, target, verbs)


@trial_page(see=None, change=P.REQUEST_UNLOCK)
def request_unlock(request: TrialRequest, level: str, key: int) -> HttpResponse:
    """Request to unlock."""
    return _page_or_action(request, target_of(request, level, key), {"request": data_locks.request_unlock})


@trial_page(see=None, change=P.LOCK)
def decide_unlock(request: TrialRequest, number: int) -> HttpResponse:
    """Grant or refuse another person's request to unlock."""
    rows = UnlockRequest.objects.filter(lock__trial=request.trial).select_related(
        "lock__trial__protocol", "lock__patient", "lock__visit", "lock__record"
    )
    row = get_object_or_404(rows, pk=number)
    target = target_of(request, row.lock.level, row.lock.target.pk)
    verbs: dict[str, Callable[..., Any]] = {
        "grant": data_locks.grant_unlock,
        "refuse": data_locks.refuse_unlock,
    }

    return _page_or_action(request, target, {name: _on(row, verb) for name, verb in verbs.items()})


def _on(row: UnlockRequest, verb: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that decides the request, with the arguments of the functions on a target."""
    return lambda target, reason, by: verb(request=row, answer=reason, by=by)


def _page_or_action(request: TrialRequest, target: Any, verbs: dict[str, Callable[..., Any]]) -> HttpResponse:
    typed = sent_or_kept(request) or QueryDict()
    action = typed.get("action", "")
    if request.method != "POST":
        return _page(request, target, action=action, typed=typed)
    if action not in verbs:
        raise BadRequest(_("This page offers no such step. Open the page again."))
    try:
        verbs[action](target=target, reason=request.POST.get("reason", "")[:LONGEST], by=request.user)
    except ValidationError as refused:
        ways = _links_to_what_blocks(request, target) if action == "lock" else []
        return _page(
            request, target, action=action, typed=typed, refusal=" ".join(refused.messages), ways=ways
        )
    say(request, str(DONE[action]) % {"what": title_of(target)}, *_ways(request, target, action))
    return redirect(lock_address(target, request.trial.slug))


def _ways(request: TrialRequest, target: Any, action: str) -> list[tuple[str, str]]:
    """Return links to the next steps: (text, address)."""
    slug = request.trial.slug
    place = (_("Open it"), address_of_target(target, slug))
    if action == "lock":
        return [place, (_("Checklist of the database lock"), reverse("reports:checklist", args=[slug]))]
    return [place, (_("All freezes and locks"), reverse("patients:locks", args=[slug]))]


def _links_to_what_blocks(request: TrialRequest, target: Any) -> list[tuple[str, str]]:
    """Return the lists of what prevents the lock of a patient, or of what lies below: drafts and open queries."""
    patient = data_locks.patient_of(target)
    if patient is None:
        return []
    slug, code = request.trial.slug, patient.code
    drafts = {"state": Record.State.DRAFT.value, "patient": code}
    asked = {"state": NOT_CLOSED, "patient": code}
    return [
        (_("Drafts of this patient"), reverse("patients:forms", args=[slug], query=drafts)),
        (_("Queries of this patient"), reverse("patients:queries", args=[slug], query=asked)),
    ]


DONE = {
    "freeze": gettext_lazy("%(what)s is frozen: entry stops, queries and marks go on."),
    "release": gettext_lazy("%(what)s is released: entry goes on."),
    "lock": gettext_lazy("%(what)s is locked."),
    "request": gettext_lazy("Your request to unlock %(what)s waits for a second person."),
    "grant": gettext_lazy("%(what)s is unlocked."),
    "refuse": gettext_lazy("The request is refused."),
}


def _page(
    request: TrialRequest,
    target: Any,
    *,
    action: str,
    typed: QueryDict,
    refusal: str = "",
    ways: Sequence[tuple[str, str]] = (),
) -> HttpResponse:
    slug, level = request.trial.slug, data_locks.level_of(target)
    rows = DataLock.objects.filter(level=level, **{level.value: target.pk}).select_related(
        "set_by", "released_by", "asked_by"
    )
    history = list(rows.order_by("-pk").prefetch_related("requests__asked_by", "requests__decided_by"))
    in_force = {row.kind: row for row in history if row.released_at is None}
    waiting = [each for row in history for each in row.requests.all() if each.decided_at is None]
    may_lock = request.access.may(P.LOCK)
    context = {
        "patient": data_locks.patient_of(target),
        "title": title_of(target),
        "ways": ways,
        "level": level,
        "place": address_of_target(target, slug),
        "address": lock_address(target, slug),
        "ask_address": lock_address(target, slug, "patients:unlock-request"),
        "history": history,
        "frozen": in_force.get(DataLock.Kind.FREEZE),
        "locked": in_force.get(DataLock.Kind.LOCK),
        "waiting": waiting,
        "own_request": any(each.asked_by_id == request.user.pk for each in waiting),
        "may_lock": may_lock,
        "may_ask": request.access.may(P.REQUEST_UNLOCK),
        "action": action,
        "refusal": refusal,
        "typed": typed.get("reason", ""),
    }
    base = "patients/lock_trial.html" if context["patient"] is None else "patients/lock.html"
    return render(request, base, context, status=422 if refusal else 200)


class LockFilter(django_filters.FilterSet):
    """Freezes and locks by level, kind, patient, and whether they are in force."""

    level = django_filters.ChoiceFilter(
        label=gettext_lazy("Level"), choices=DataLock.Level.choices, empty_label=gettext_lazy("Any")
    )
    kind = django_filters.ChoiceFilter(
        label=gettext_lazy("Kind"), choices=DataLock.Kind.choices, empty_label=gettext_lazy("Any")
    )
    patient = django_filters.CharFilter(
        label=gettext_lazy("Patient"), field_name="patient__code", lookup_expr="iexact"
    )
    stands = django_filters.ChoiceFilter(
        label=gettext_lazy("In force"),
        choices=[
            ("yes", gettext_lazy("Yes")),
            ("no", gettext_lazy("No")),
            ("asked", gettext_lazy("Unlock requested")),
        ],
        empty_label=gettext_lazy("Any"),
        method="only_in_force",
    )

    class Meta:
        model = DataLock
        fields = ["level", "kind", "patient", "stands"]

    def only_in_force(self, queryset: Any, name: str, value: str) -> Any:
        """Keep locks in force, released ones, or those with an open request to unlock."""
        if value == "asked":
            return queryset.filter(
                pk__in=UnlockRequest.objects.filter(decided_at=None).values("lock_id"), released_at=None
            )
        return queryset.filter(released_at__isnull=value == "yes")


def _person(user: Any) -> str:
    return user.full_name if user is not None else ""


LOCK_COLUMNS = (
    Column(name="what", label=gettext_lazy("What"), value=lambda row: title_of(row.target)),
    Column(
        name="level",
        label=gettext_lazy("Level"),
        value=lambda row: row.level,
        text=lambda row: row.get_level_display(),
    ),
    Column(
        name="kind",
        decides=True,
        label=gettext_lazy("Kind"),
        value=lambda row: row.kind,
        text=lambda row: row.get_kind_display(),
    ),
    Column(name="set_at", label=gettext_lazy("Set"), value=lambda row: row.set_at, sort=("set_at",)),
    Column(name="set_by", label=gettext_lazy("By"), value=lambda row: _person(row.set_by)),
    Column(name="reason", label=gettext_lazy("Reason"), value=lambda row: row.reason, free_text=True),
    Column(name="released_at", label=pgettext_lazy("when", "Released"), value=lambda row: row.released_at),
    Column(name="asked_by", label=gettext_lazy("Requested by"), value=lambda row: _person(row.asked_by)),
    Column(name="released_by", label=gettext_lazy("Released by"), value=lambda row: _person(row.released_by)),
    Column(
        name="release_reason",
        label=gettext_lazy("Reason for the release"),
        value=lambda row: row.release_reason,
        free_text=True,
    ),
)


@trial_page(see=P.SEE_TRIAL)
def locks(request: TrialRequest) -> HttpResponseBase:
    """List the freezes and locks: set by whom, when and why, and released by whom, when and why."""
    rows = DataLock.objects.visible_to(request.user).filter(trial=request.trial)
    rows = rows.select_related(
        "trial", "patient__protocol", "visit__patient__protocol", "record__patient", "record__visit",
        "record__protocol", "set_by", "asked_by", "released_by",
    )  # fmt: skip
    listing = Listing(
        request,
        queryset=rows,
        columns=LOCK_COLUMNS,
        sort="-set_at",
        filterset=LockFilter(request.GET, queryset=rows),
        row_url=lambda row: lock_address(row.target, request.trial.slug),
        name="locks",
        empty=_("Nothing was frozen or locked yet."),
    )
    return listing.response("patients/locks.html")
