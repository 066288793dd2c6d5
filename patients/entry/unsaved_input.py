"""Find the unsaved input with which a form's page opens, and the location of a form under another protocol version."""

from dataclasses import dataclass

from django.http import QueryDict

from accounts.models import User
from patients.casebook.casebook import Casebook, FormPlace
from patients.casebook.form_content import ReadLine
from patients.entry import conflicts, drafts
from patients.entry.files import attachments
from patients.entry.posted import PostedPage, kept_page
from patients.entry.version_mapping import mapped_inputs, stored_answers
from patients.models import Draft, Record
from protocol.values.parsing import NotOffered
from trials.models import ProtocolVersion


@dataclass(frozen=True, slots=True)
class UnsavedInput:
    """Unsaved input of this person. draft: the draft it comes from, None if it was kept when the session ended.

    conflict: somebody else saved the form since. left_out: answers that this version of the form no longer accepts.
    """

    posted: PostedPage
    draft: Draft | None = None
    conflict: bool = False
    left_out: tuple[ReadLine, ...] = ()


def unsaved_input(
    casebook: Casebook, place: FormPlace, record: Record | None, *, of_session: QueryDict | None, user: User
) -> UnsavedInput | None:
    """Return the person's unsaved input for this form; None if there is none that the form accepts.

    record: the record in force, else the last struck out. of_session: the inputs kept when the session ended.
    """
    if of_session is not None:
        return _mapped_input(
            casebook, place, record, attachments.with_file_facts(of_session, place, was_kept=True), None
        )
    draft = drafts.draft_of(place=place, user=user)
    if draft is None:
        return None
    return _mapped_input(casebook, place, record, drafts.typed_in(draft), draft)


def _mapped_input(
    casebook: Casebook, place: FormPlace, record: Record | None, inputs: QueryDict, draft: Draft | None
) -> UnsavedInput | None:
    try:
        fitting, left_out = mapped_inputs(casebook, place, inputs)
    except NotOffered:
        return None
    posted = kept_page(place, fitting)
    if posted is None:
        return None
    # The script may store a draft after the same page was saved: its content is in the record already.
    if draft is not None and record is not None and posted.key and posted.key == record.save_key:
        return None
    version = record.version if record is not None and record.state != Record.State.STRUCK_OUT else 0
    stale = posted.base_version != version
    if stale:
        posted = _beside_stored(place, conflicts.without_choices(fitting), record)
    if posted is None:
        return None
    return UnsavedInput(posted, draft, stale or bool(posted.differs), tuple(left_out))


def _beside_stored(place: FormPlace, inputs: QueryDict, record: Record | None) -> PostedPage | None:
    """Return the kept page with the rows of tables that others added to the stored record meanwhile."""
    posted = kept_page(place, inputs)
    if posted is None or record is None or record.state == Record.State.STRUCK_OUT:
        return posted
    merged = conflicts.merged_inputs(inputs, posted.typed, stored_answers(record, place), place.form)
    return posted if merged is None else kept_page(place, merged)


def place_under(casebook: Casebook, place: FormPlace, version: ProtocolVersion) -> FormPlace:
    """Return the same location under another protocol version. Raises LookupError if that version lacks the form."""
    return casebook.place(place.form.code, place.visit.key if place.visit else None, place.repeat, version)
