"""The page of a form: open it, save it, and show a refused save or a conflict with everything that was typed."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from django.contrib import messages
from django.core.exceptions import BadRequest, ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.sessions.kept_forms import kept_data
from patients.casebook import edit_checks
from patients.casebook.casebook import Casebook, FormPlace
from patients.casebook.navigation import address_of, next_address
from patients.entry import all_no, conflicts, drafts, not_done, saving
from patients.entry.entry_guard import entry_refusal
from patients.entry.form_page.field_panel import FieldPanel
from patients.entry.form_page.page import EntryPage, Refused
from patients.entry.logs import log_context, row_address
from patients.entry.not_done import Marking
from patients.entry.posted import Action, PostedPage, not_our_page, read_page, sent_page
from patients.entry.taken_values import with_taken_value
from patients.entry.unsaved_input import place_under, unsaved_input
from patients.entry.version_mapping import mapped_inputs, stored_answers
from patients.models import Patient, Record
from patients.participation.questions import Questioned
from protocol.values.parsing import NotOffered, ValueRefused
from trials.access import TrialRequest, trial_page
from trials.permissions import Permission as P
from trials.reader import reader_language, shown_sentence

CHANGE = "change"
GROUP_BUTTONS: dict[Action, Callable[..., Marking]] = {
    Action.NOT_DONE: not_done.marked_group,
    Action.UNDO_NOT_DONE: not_done.marked_group,
    Action.ALL_NO: all_no.answered_group,
    Action.UNDO_ALL_NO: all_no.answered_group,
}


def open_casebook(request: TrialRequest, code: str) -> Casebook:
    """Return the casebook of a patient. Raises Http404 for a patient whom the person may not see in this trial."""
    return opened(Casebook.open, request, code)


def opened(open: Callable[..., Casebook], request: TrialRequest, code: str, **which: str | None) -> Casebook:
    """Return the casebook that a function opens. Raises as `open_casebook`."""
    try:
        return open(user=request.user, trial=request.trial, code=code, **which)
    except Patient.DoesNotExist as missing:
        raise Http404 from missing


def place_of(casebook: Casebook, form: str, visit: str | None, repeat: int) -> FormPlace:
    """Return the location of a form, under the protocol version that applies to it now. Raises Http404."""
    try:
        return casebook.place(form, visit, repeat)
    except LookupError as missing:
        raise Http404 from missing


@trial_page(see=P.SEE_TRIAL, change=P.ENTER_DATA)
def form(
    request: TrialRequest, code: str, form: str, visit: str | None = None, repeat: int = 1
) -> HttpResponse:
    """Show a form, or save it."""
    if request.method == "POST":
        casebook = opened(Casebook.open_at, request, code, visit=visit)
        return save(request, read_posted(request, casebook, form, visit, repeat))
    casebook = open_casebook(request, code)
    page = page_to_open(request, casebook, place_of(casebook, form, visit, repeat))
    if "HX-Request" in request.headers and page.panel.field:
        return render(request, "patients/_field_panel.html", {"panel": page.panel})
    return render_page(request, page)


def read_posted(
    request: TrialRequest,
    casebook: Casebook,
    form: str,
    visit: str | None,
    repeat: int,
    *,
    button: bool = True,
) -> PostedPage:
    """Read the posted page. Raises Http404 for an unknown location, BadRequest for inputs our page does not send."""
    try:
        return sent_page(request, casebook, form, visit, repeat, button=button)
    except LookupError as missing:
        raise Http404 from missing


def save(request: TrialRequest, posted: PostedPage) -> HttpResponse:
    """Save the posted page. If it is refused, show everything that was typed (422), or the conflict (409)."""
    code = posted.place.patient.code
    if not posted.action.saves:
        return show_again(request, open_casebook(request, code), posted, Refused(), 200)
    try:
        result = store(request, posted)
    except saving.StaleRecord:
        refuse_future_version(open_casebook(request, code), posted)
        return store_in_next_row(request, posted) or show_conflict(request, posted)
    if isinstance(result, saving.Saved):
        return redirect_after_save(request, posted, result)
    casebook = open_casebook(request, code)
    if is_current(casebook, posted):
        version = version_here(casebook, posted)
        drafts.keep_draft(place=posted.place, inputs=posted.inputs, base_version=version, by=request.user)
    return show_again(request, casebook, posted, result, 422)


def store(request: TrialRequest, posted: PostedPage) -> saving.Saved | Refused:
    """Save, complete or amend the record, depending on its state and the button pressed; return a refusal.

    Raises StaleRecord if somebody else saved the form since it was opened.
    """
    if posted.unresolved:
        return Refused(_("Choose one of the two values for each item that differs. Nothing is saved yet."))
    if posted.refused:
        return Refused()
    try:
        if posted.was_complete:
            return saving.amend(posted.entry, reason=posted.reason_text, by=request.user)
        if posted.action == Action.NEXT:
            return saving.complete(posted.entry, by=request.user)
        return saving.save_draft(posted.entry, by=request.user)
    except saving.NotComplete as refused:
        return Refused(checked=refused.checked, incomplete=True)
    except saving.ReasonNeeded as refused:
        return Refused(reason=_("Say why this complete form is changed."), checked=refused.checked)
    except Questioned as asked:
        return Refused(questions=asked.questions, token=asked.token)
    except NotOffered as unknown:
        raise BadRequest(shown_sentence(unknown)) from unknown
    except ValueRefused as refused:
        return Refused(shown_sentence(refused))
    except ValidationError as refused:
        return Refused(" ".join(refused.messages))


def store_in_next_row(request: TrialRequest, posted: PostedPage) -> HttpResponse | None:
    """Store a new log row under the next free number, if a colleague has begun a row with its number meanwhile.

    Return None if this is not a new log row, or if its page was rendered under another protocol version.
    """
    if posted.place.visit is not None or posted.base_version:
        return None
    casebook = open_casebook(request, posted.place.patient.code)
    number = casebook.following_row(posted.place.form.code)
    below = replace(posted, place=replace(posted.place, repeat=number))
    try:
        result = store(request, below)
    except saving.StaleRecord:  # the page was rendered under another protocol version
        return None
    if isinstance(result, Refused):
        return render_page(request, page_of(request, casebook, below, result), 422)
    drafts.discard(place=posted.place, user=request.user)
    return redirect_after_save(request, below, result)


def redirect_after_save(request: TrialRequest, posted: PostedPage, saved: saving.Saved) -> HttpResponse:
    """Redirect to the next form or log row, or back to this one, depending on the button pressed."""
    place = posted.place
    tell_saved(request, place, saved.unconfirmed, goes_on=posted.action == Action.NEXT)
    if posted.action != Action.NEXT:
        return redirect(row_address(place, place.repeat) if posted.listed else address_of(place))
    if posted.listed:
        return redirect(row_address(place, saved.casebook.following_row(place.form.code)))
    return redirect(next_address(saved.casebook, place))


def tell_saved(request: TrialRequest, place: FormPlace, unconfirmed: Sequence[str], *, goes_on: bool) -> None:
    """Say on the next page that the form is saved, and how many values ask for a confirmation, with the way there."""
    title, count = place.form.title.in_language(reader_language()), len(unconfirmed)
    if count:
        text = ngettext(
            "Saved: %(form)s. %(count)d value asks for a confirmation.",
            "Saved: %(form)s. %(count)d values ask for a confirmation.",
            count,
        )
        words, way = text % {"form": title, "count": count}, _("Go to the first one")
        url = f"{address_of(place)}?{CHANGE}=1#{unconfirmed[0]}"
        messages.warning(request, format_html('{} <a href="{}">{}</a>', words, url, way))
    elif goes_on:
        messages.success(request, _("Saved: %(form)s.") % {"form": title})


def record_here(casebook: Casebook, place: FormPlace) -> Record | None:
    """Return the record in force; None for a struck-out one."""
    record = casebook.record(place)
    return None if record is not None and record.state == Record.State.STRUCK_OUT else record


def version_here(casebook: Casebook, posted: PostedPage) -> int:
    """Return the version of the record in force, 0 if there is none."""
    record = record_here(casebook, posted.place)
    return record.version if record else 0


def refuse_future_version(casebook: Casebook, posted: PostedPage) -> None:
    """Raise BadRequest for a page that states a later record version than any stored one."""
    here = [record.version for record in casebook.records if posted.place.holds(record)]
    if posted.base_version > max(here, default=0):
        raise BadRequest(not_our_page())


def is_current(casebook: Casebook, posted: PostedPage) -> bool:
    """Return True if the form was not saved since the page was rendered, except by this page itself."""
    record = record_here(casebook, posted.place)
    if record is not None and posted.key and record.save_key == posted.key:
        return True
    refuse_future_version(casebook, posted)
    return posted.base_version == version_here(casebook, posted)


def show_again(
    request: TrialRequest, casebook: Casebook, posted: PostedPage, refused: Refused, status: int
) -> HttpResponse:
    """Show the form as it was sent, or the conflict if somebody else saved it meanwhile."""
    marking = mark_group(casebook, posted)
    if posted.action == Action.TAKE:
        posted = with_taken_value(casebook, posted)
    if not is_current(casebook, posted):
        return show_conflict(request, posted)
    page = page_of(request, casebook, marking.posted if marking else posted, refused)
    return render_page(request, replace(page, marking=marking), status)


def mark_group(casebook: Casebook, posted: PostedPage) -> Marking | None:
    """Return the page with a group marked as not done or answered, or with that undone; None for any other button."""
    act = GROUP_BUTTONS.get(posted.action)
    if act is None:
        return None
    read = posted.answers(stored_answers(record_here(casebook, posted.place), posted.place))
    found = edit_checks.checked(casebook, posted.place, read.values)
    return act(posted, read=read, not_asked=found.hidden | found.undecided)


def page_of(request: TrialRequest, casebook: Casebook, posted: PostedPage, refused: Refused) -> EntryPage:
    """Return the page that shows the posted inputs."""
    return EntryPage(
        request.access,
        casebook,
        posted.place,
        may_enter=True,
        posted=posted,
        checked=refused.checked,
        refused=refused,
        conflict=bool(posted.differs),
        listed=posted.listed,
        is_answer=True,
        panel_item=request.GET.get("field", ""),
    )


def page_to_open(
    request: TrialRequest, casebook: Casebook, place: FormPlace, *, panel_item: str = ""
) -> EntryPage:
    """Return the page for a GET request: the stored values, or this person's unsaved input.

    Raises Http404 for a log row beyond the next free number, so that rows are numbered without gaps.
    """
    if place.visit is None and place.repeat > casebook.following_row(place.form.code):
        raise Http404
    record, in_force = casebook.record(place), record_here(casebook, place)
    may_enter = request.access.may(P.ENTER_DATA)
    closed = entry_refusal(casebook, place, record) if may_enter else ""
    panel_item = panel_item or request.GET.get("field", "")
    if not may_enter or closed:
        if in_force is not None and in_force.protocol_id != place.protocol.pk:
            place = place_under(casebook, place, casebook.version(in_force.protocol_id))
        return EntryPage(request.access, casebook, place, may_enter, closed, panel_item=panel_item)
    unsaved = unsaved_input(casebook, place, record, of_session=kept_data(request), user=request.user)
    if unsaved is None:
        is_complete = in_force is not None and in_force.state == Record.State.COMPLETE
        reading = is_complete and not asks_to_change(request)
        if reading and in_force is not None and in_force.protocol_id != place.protocol.pk:
            place = place_under(casebook, place, casebook.version(in_force.protocol_id))
        return EntryPage(request.access, casebook, place, may_enter, reading=reading, panel_item=panel_item)
    return EntryPage(
        request.access,
        casebook,
        place,
        may_enter,
        posted=unsaved.posted,
        restored=unsaved.draft,
        conflict=unsaved.conflict,
        left_out=unsaved.left_out,
        panel_item=panel_item,
    )


def asks_to_change(request: TrialRequest) -> bool:
    """Return True if a complete form is opened to be changed: by its button, or as a row in the list of its log."""
    return CHANGE in request.GET or "row" in request.GET


def render_page(
    request: TrialRequest, page: EntryPage, status: int = 200, *, panel: FieldPanel | None = None
) -> HttpResponse:
    """Render the page; check its answers unless the save did. panel: replaces the page's own panel."""
    page = with_checks(page)
    if page.listed and page.editable:
        context = log_context(request.access, page.casebook, page.place, page)
        return render(request, "patients/log.html", context, status=status)
    context = {
        "page": page,
        "panel": panel or page.panel,
        "patient": page.casebook.patient,
        "form": page.form if page.editable else None,
    }
    return render(request, "patients/form.html", context, status=status)


def with_checks(page: EntryPage) -> EntryPage:
    """Return the page with the findings of the checks on its answers."""
    if page.checked is not None or not page.is_checked:
        return page
    return replace(page, checked=edit_checks.checked(page.casebook, page.place, page.answers.values))


def show_conflict(request: TrialRequest, posted: PostedPage) -> HttpResponse:
    """Show the stored and the typed values of a form that somebody else saved meanwhile (409)."""
    casebook, place = open_casebook(request, posted.place.patient.code), posted.place
    record = casebook.record(place)
    version = casebook.version_for(place.form.code, place.visit, record)
    try:
        place = place_under(casebook, place, version)
    except (
        LookupError
    ):  # the version in force does not have the form: show the input under the version of the page
        place = place_under(casebook, place, place.protocol)
    inputs, left_out = mapped_inputs(casebook, place, conflicts.without_choices(posted.inputs))
    posted, known = read_page(place, inputs), stored_answers(record_here(casebook, place), place)
    if (merged := conflicts.merged_inputs(inputs, posted.typed, known, place.form)) is not None:
        posted = read_page(place, merged)
    page = page_of(request, casebook, posted, Refused())
    closed = entry_refusal(casebook, place, record)
    return render_page(request, replace(page, closed=closed, conflict=True, left_out=left_out), 409)
