"""The page of a captured form: opened, saved, refused with everything that was typed."""

from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.core.exceptions import BadRequest, ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from accounts.kept_forms import kept_data
from audit.stored_text import Text, say
from patients.casebook.casebook import Casebook, FormPlace
from patients.casebook.navigation import address_of, next_address
from patients.entry import attachments, conflicts, drafts, not_done, saving
from patients.entry.entry_guard import entry_obstacle
from patients.entry.logs import log_context, row_address
from patients.entry.page import EntryPage, clock_of
from patients.entry.version_mapping import mapped_post
from patients.models import Patient, Record
from patients.system_texts import REASON, REASONS
from protocol.values.parsing import NotOffered, ValueRefused
from trials.access import TrialRequest, trial_page
from trials.models import ProtocolVersion
from trials.permissions import Permission as P
from trials.reader import reader_language


def located(
    request: TrialRequest, code: str, form: str, visit: str | None, repeat: int
) -> tuple[Casebook, FormPlace]:
    """Return the casebook and the place, under the protocol version of the page that was sent; else 404."""
    try:
        casebook = Casebook.opened(user=request.user, trial=request.trial, code=code)
        version = protocol_of(request, casebook)
        place = casebook.place(form, visit, repeat, version)
    except (Patient.DoesNotExist, LookupError) as missing:
        raise Http404 from missing
    if request.method == "POST":
        attachments.receive(request, casebook, place)
    return casebook, place


def protocol_of(request: TrialRequest, casebook: Casebook) -> ProtocolVersion | None:
    """Return the version a sent page was made from, None for the patient's own."""
    if request.method != "POST":
        return None
    sent = number_of(request, "_protocol", casebook.patient.protocol_id)
    if sent == casebook.patient.protocol_id:
        return None
    version = ProtocolVersion.objects.filter(pk=sent, trial=request.trial).first()
    if version is None:
        raise BadRequest(_("The form was changed on its way. Open it again."))
    return version


def number_of(request: TrialRequest, name: str, default: int = 0) -> int:
    """Return a number that only our page writes, or answer 400."""
    text = request.POST.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise BadRequest(_("The form was changed on its way. Open it again."))
    return int(text)


def base_version(page: EntryPage) -> int:
    """Return the version that a sent page was made from; one that never was is answered with 400."""
    sent = number_of(page.request, "_version")
    here = [record.version for record in page.casebook.records if page.place.holds(record)]
    if sent > max(here, default=0):
        raise BadRequest(_("The form was changed on its way. Open it again."))
    return sent


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


def opened_page(request: TrialRequest, casebook: Casebook, place: FormPlace) -> EntryPage:
    """Return the page as it is opened: stored values, or what this person typed before and did not save.

    A row of a log is begun as the next one only: any later number is answered with 404.
    """
    if place.visit is None and place.repeat > casebook.following_row(place.form.code):
        raise Http404
    record = casebook.record(place)
    may_enter = request.access.may(P.ENTER_DATA)
    closed = entry_obstacle(casebook, place, record) if may_enter else ""
    page = EntryPage(request, casebook, place, may_enter, closed)
    if page.record and not page.editable and page.record.protocol_id != place.protocol.pk:
        page.place = place_under(casebook, place, casebook.version(page.record.protocol_id))
    if page.editable:
        page.data, page.restored = typed_before(request, place, record)
        if page.data is not None:
            page.data, page.left_out = mapped_post(casebook, place, page.data, clock_of(place))
        base = page.data.get("_version", "") if page.data is not None else ""
        page.conflict = page.data is not None and base != str(page.version)
        if page.data is not None and page.conflict:
            page.data = conflicts.without_choices(page.data)
        page.conflict = page.conflict or conflicts.is_resolving(page.data)
    return page


def place_under(casebook: Casebook, place: FormPlace, version: ProtocolVersion) -> FormPlace:
    """Return the same place, read under another version of the protocol. Raises LookupError where it has none."""
    return casebook.place(place.form.code, place.visit.key if place.visit else None, place.repeat, version)


def typed_before(request: TrialRequest, place: FormPlace, record: Record | None) -> tuple[Any, Any]:
    """Return what was typed before the session ended, or kept while typing; with the draft it comes from.

    A draft that arrived after its own form had been saved is passed over.
    """
    if (kept := kept_data(request)) is not None:
        return attachments.known(kept, place, was_kept=True), None
    draft = drafts.draft_of(place=place, user=request.user)
    if draft is None:
        return None, None
    typed = drafts.typed_in(draft)
    was_saved = record is not None and typed.get("_key") == record.save_key
    return (None, None) if was_saved else (typed, draft)


def shown(request: TrialRequest, page: EntryPage, status: int = 200) -> HttpResponse:
    """Render the page; what was typed under names that do not exist any more is left out."""
    try:
        page.judgement  # noqa: B018  reads what was typed
    except NotOffered as unknown:
        if request.method == "POST":
            raise BadRequest(unknown.sentence(_)) from unknown
        page = replace(page, data=None, restored=None, conflict=False)
    if page.listed and page.editable:
        context = log_context(request, page.casebook, page.place, page)
        return render(request, "patients/log.html", context, status=status)
    context = {"page": page, "patient": page.casebook.patient, "form": page.form if page.editable else None}
    return render(request, "patients/form.html", context, status=status)


def save(request: TrialRequest, casebook: Casebook, place: FormPlace) -> HttpResponse:
    """Read what was sent and call the verb; what is refused is shown with everything that was typed."""
    page = EntryPage(request, casebook, place, may_enter=True, data=request.POST)
    page.conflict, page.listed = conflicts.is_resolving(request.POST), "_listed" in request.POST
    action = request.POST.get("_action", "draft")
    try:
        if not_done.is_marking(action):
            return answered(request, marked(page, action)[0], 200)
        if action.startswith("add-"):
            page.more_rows = action.removeprefix("add-")
            return answered(request, page, 200)
        if saved := stored(page, action):
            return done(request, place, saved, action)
    except NotOffered as unknown:
        raise BadRequest(unknown.sentence(_)) from unknown
    except saving.StaleRecord:
        base_version(page)
        return beside(page, action) or conflict(request, place)
    if is_current(page):
        drafts.keep_draft(place=place, posted=request.POST, base_version=page.version, by=request.user)
    return answered(request, page, 422)


def beside(page: EntryPage, action: str) -> HttpResponse | None:
    """Store a new row of a log below the one that a colleague began meanwhile: neither is lost."""
    if page.place.visit is not None or number_of(page.request, "_version"):
        return None
    casebook = Casebook.opened(user=page.request.user, trial=page.request.trial, code=page.place.patient.code)
    number = casebook.following_row(page.place.form.code)
    fresh = replace(page, casebook=casebook, place=replace(page.place, repeat=number))
    try:
        saved = stored(fresh, action)
    except saving.StaleRecord:  # the page was made under another version of the protocol
        return None
    if saved is None:
        return shown(page.request, fresh, 422)
    drafts.discard(place=page.place, user=page.request.user)
    return done(page.request, fresh.place, saved, action)


def stored(page: EntryPage, action: str) -> saving.Saved | None:
    """Store what was typed; when it is refused, say so on the page and return None."""
    if conflicts.unresolved(page.place.form, page.request.POST):
        page.refusal = _("Choose one of the two values for each item that differs. Nothing is saved yet.")
        return None
    if page.answers.refused:
        return None
    try:
        return verb(page, action)
    except saving.NotComplete:
        page.unanswered = page.judgement.unanswered
    except saving.ReasonNeeded:
        page.reason_refused = _("Say why this complete form is changed.")
    except NotOffered:
        raise
    except ValueRefused as refused:
        page.refusal = refused.sentence(_)
    except ValidationError as refused:
        page.refusal = " ".join(refused.messages)
    return None


def marked(page: EntryPage, action: str) -> tuple[EntryPage, dict[str, str]]:
    """Return the page with a group marked as not done, or those marks taken back, and what changes in it."""
    judgement = page.judgement
    done = not_done.carried_out(
        action,
        form=page.place.form,
        data=page.request.POST,
        read=page.answers,
        not_asked=judgement.hidden | judgement.undecided,
    )
    return replace(page, data=done.data, acted=done.group, said_of_group=done.said), done.put


def answered(request: TrialRequest, page: EntryPage, status: int) -> HttpResponse:
    """Show the form as it was sent; never under the version of somebody who saved meanwhile."""
    return shown(request, page, status) if is_current(page) else conflict(request, page.place)


def is_current(page: EntryPage) -> bool:
    """Tell whether nobody saved this form since the page was made, but this page itself."""
    by_itself = page.record is not None and page.record.save_key == page.request.POST.get("_key")
    return by_itself or base_version(page) == page.version


def verb(page: EntryPage, action: str) -> saving.Saved:
    """Call the verb that the state of the form and the button ask for."""
    request, answers = page.request, page.answers
    if action not in ("draft", "next"):
        raise BadRequest(_("The form was changed on its way. Open it again."))
    arguments: dict[str, Any] = {
        "place": page.place,
        "values": answers.values,
        "confirmed": answers.confirmations,
        "base_version": number_of(request, "_version"),
        "key": request.POST.get("_key", "")[:64],
        "by": request.user,
    }
    if request.POST.get("_state") == Record.State.COMPLETE:
        return saving.amend(**arguments, reason=reason_of(request))
    return saving.complete(**arguments) if action == "next" else saving.save_draft(**arguments)


def reason_of(request: TrialRequest) -> Text:
    """Return the reason for the change, empty when it was not given or needs words of its own."""
    chosen, note = request.POST.get("_reason", ""), request.POST.get("_note", "").strip()[:500]
    if chosen not in REASONS or (chosen == "other" and not note):
        return ""
    return say(f"{REASON}{chosen}", note)


def done(request: TrialRequest, place: FormPlace, saved: saving.Saved, action: str) -> HttpResponse:
    """Go on to the next form, or back to this one."""
    listed = "_listed" in request.POST
    if action == "next":
        title = place.form.title.in_language(reader_language())
        messages.success(request, _("%(form)s is saved.") % {"form": title})
        following = saved.casebook.following_row(place.form.code) if listed else 0
        return redirect(row_address(place, following) if listed else next_address(saved.casebook, place))
    return redirect(row_address(place, place.repeat) if listed else address_of(place))


def conflict(request: TrialRequest, place: FormPlace) -> HttpResponse:
    """Show both versions of a form that somebody else saved meanwhile, with what was typed kept."""
    casebook = Casebook.opened(user=request.user, trial=request.trial, code=place.patient.code)
    record = casebook.record(place)
    version = casebook.version_for(place.form.code, place.visit, record)
    try:
        place = place_under(casebook, place, version)
    except LookupError:  # the version in force has no such form: what was typed is shown as it was asked
        place = place_under(casebook, place, place.protocol)
    page = EntryPage(request, casebook, place, may_enter=True, conflict=True)
    page.listed = "_listed" in request.POST
    fresh = conflicts.without_choices(request.POST)
    page.data, page.left_out = mapped_post(casebook, place, fresh, clock_of(place))
    page.closed = entry_obstacle(casebook, place, record)
    return shown(request, page, 409)
