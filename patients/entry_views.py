"""The page of a captured form: opened, saved, refused with everything that was typed."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import BadRequest, ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from accounts.access import TrialRequest, trial_page
from accounts.keeping import kept_data
from accounts.permissions import Permission as P
from patients import drafting, entry
from patients.casebook import Casebook, Place
from patients.entry_page import REASONS, EntryPage
from patients.models import Patient, Record
from patients.navigation import address_of, next_address
from patients.openness import obstacle
from trials.items import NotOffered, ValueRefused
from trials.models import ProtocolVersion


def located(
    request: TrialRequest, code: str, form: str, visit: str | None, repeat: int
) -> tuple[Casebook, Place]:
    """Return the casebook and the place, under the protocol version of the page that was sent; else 404."""
    try:
        casebook = Casebook.opened(user=request.user, trial=request.trial, code=code)
        version = protocol_of(request, casebook)
        return casebook, casebook.place(form, visit, repeat, version)
    except (Patient.DoesNotExist, LookupError) as missing:
        raise Http404 from missing


def protocol_of(request: TrialRequest, casebook: Casebook) -> ProtocolVersion | None:
    """Return the version a sent page was made from, None for the patient's own."""
    if request.method != "POST":
        return None
    sent = number_of(request, "_protocol", casebook.patient.protocol_id)
    if sent == casebook.patient.protocol_id:
        return None
    return ProtocolVersion.objects.filter(pk=sent, trial=request.trial).first()


def number_of(request: TrialRequest, name: str, default: int = 0) -> int:
    """Return a number that only our page writes, or answer 400."""
    text = request.POST.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise BadRequest(_("The form was changed on its way. Open it again."))
    return int(text)


@trial_page(see=P.SEE_TRIAL, change=P.ENTER_DATA)
def form(
    request: TrialRequest, code: str, form: str, visit: str | None = None, repeat: int = 1
) -> HttpResponse:
    """Show a form, or save it."""
    casebook, place = located(request, code, form, visit, repeat)
    if request.method == "POST":
        return save(request, casebook, place)
    page = opened_page(request, casebook, place)
    if "HX-Request" in request.headers and page.field:
        return render(request, "patients/_field_panel.html", {"page": page})
    return shown(request, page)


def opened_page(request: TrialRequest, casebook: Casebook, place: Place) -> EntryPage:
    """Return the page as it is opened: stored values, or what this person typed before and did not save."""
    record = casebook.record(place)
    if record is not None and record.protocol_id != place.protocol.pk:
        place = casebook.place(
            place.form.code, place.visit.key if place.visit else None, place.repeat, record.protocol
        )
    may_enter = request.access.may(P.ENTER_DATA)
    closed = obstacle(casebook, place, record) if may_enter else ""
    page = EntryPage(request, casebook, place, may_enter, closed)
    if page.editable:
        page.data, page.restored = typed_before(request, place, record)
        base = page.data.get("_version", "") if page.data is not None else ""
        page.conflict = page.data is not None and base != str(page.version)
    return page


def typed_before(request: TrialRequest, place: Place, record: Record | None) -> tuple[Any, Any]:
    """Return what was typed before the session ended, or kept while typing; with the draft it comes from.

    A draft that arrived after its own form had been saved is passed over.
    """
    if (kept := kept_data(request)) is not None:
        return kept, None
    draft = drafting.draft_of(place=place, user=request.user)
    if draft is None:
        return None, None
    typed = drafting.typed_in(draft)
    was_saved = record is not None and typed.get("_key") == record.save_key
    return (None, None) if was_saved else (typed, draft)


def shown(request: TrialRequest, page: EntryPage, status: int = 200) -> HttpResponse:
    """Render the page; what was typed under names that do not exist any more is left out."""
    try:
        page.judgement  # noqa: B018  reads what was typed
    except NotOffered as unknown:
        if request.method == "POST":
            raise BadRequest(unknown.sentence(_)) from unknown
        page = EntryPage(request, page.casebook, page.place, page.may_enter, page.closed)
    context = {"page": page, "patient": page.casebook.patient, "form": page.form if page.editable else None}
    return render(request, "patients/form.html", context, status=status)


def save(request: TrialRequest, casebook: Casebook, place: Place) -> HttpResponse:
    """Read what was sent and call the verb; what is refused is shown with everything that was typed."""
    page = EntryPage(request, casebook, place, may_enter=True, data=request.POST)
    action = request.POST.get("_action", "draft")
    if action.startswith("add-"):
        page.more_rows = action.removeprefix("add-")
        return answered(request, page, 200)
    try:
        answers = page.answers
        if answers.refused:
            return answered(request, page, 422)
        saved = verb(request, place, answers, action)
    except NotOffered as unknown:
        raise BadRequest(unknown.sentence(_)) from unknown
    except ValueRefused as refused:
        page.refusal = refused.sentence(_)
    except entry.NotComplete:
        page.unanswered = page.judgement.unanswered
    except entry.ReasonNeeded:
        page.reason_refused = _("Say why this complete form is changed.")
    except entry.Stale:
        return conflict(request, place)
    except ValidationError as refused:
        page.refusal = " ".join(refused.messages)
    else:
        return done(request, place, saved, action)
    return answered(request, page, 422)


def answered(request: TrialRequest, page: EntryPage, status: int) -> HttpResponse:
    """Show the form as it was sent; never under the version of somebody who saved meanwhile."""
    if number_of(request, "_version") != page.version:
        return conflict(request, page.place)
    return shown(request, page, status)


def verb(request: TrialRequest, place: Place, answers: Any, action: str) -> entry.Saved:
    """Call the verb that the state of the form and the button ask for."""
    if action not in ("draft", "next"):
        raise BadRequest(_("The form was changed on its way. Open it again."))
    arguments: dict[str, Any] = {
        "place": place,
        "values": answers.values,
        "confirmed": answers.confirmations,
        "base_version": number_of(request, "_version"),
        "key": request.POST.get("_key", "")[:64],
        "by": request.user,
    }
    if request.POST.get("_state") == Record.State.COMPLETE:
        return entry.amend(**arguments, reason=reason_of(request))
    return entry.complete(**arguments) if action == "next" else entry.save_draft(**arguments)


def reason_of(request: TrialRequest) -> str:
    """Return the reason for the change in words, empty when it was not given or needs words of its own."""
    chosen, note = request.POST.get("_reason", ""), request.POST.get("_note", "").strip()[:500]
    if chosen not in REASONS or (chosen == "other" and not note):
        return ""
    return f"{REASONS[chosen]}: {note}" if note else str(REASONS[chosen])


def done(request: TrialRequest, place: Place, saved: entry.Saved, action: str) -> HttpResponse:
    """Go on to the next form, or back to this one."""
    if action == "next":
        title = place.form.title.in_language(get_language() or "en")
        messages.success(request, _("%(form)s is saved.") % {"form": title})
        return redirect(next_address(saved.casebook, place))
    return redirect(address_of(place))


def conflict(request: TrialRequest, place: Place) -> HttpResponse:
    """Show both versions of a form that somebody else saved meanwhile, with what was typed kept."""
    casebook = Casebook.opened(user=request.user, trial=request.trial, code=place.patient.code)
    record = casebook.record(place)
    version = record.protocol if record else casebook.patient.protocol
    place = casebook.place(place.form.code, place.visit.key if place.visit else None, place.repeat, version)
    page = EntryPage(request, casebook, place, may_enter=True, data=request.POST, conflict=True)
    page.closed = obstacle(casebook, place, record)
    return shown(request, page, 409)
