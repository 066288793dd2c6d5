"""The page of a form as it is opened, and as it is shown to the second of two people who save it."""

from dataclasses import dataclass

from django.http import QueryDict

from accounts.models import User
from patients.casebook.casebook import Casebook, FormPlace
from patients.casebook.form_content import ReadLine
from patients.entry import attachments, conflicts, drafts
from patients.entry.posted import PostedPage, kept_page
from patients.entry.version_mapping import mapped_inputs
from patients.models import Draft, Record
from protocol.values.parsing import NotOffered
from trials.models import ProtocolVersion


@dataclass(frozen=True, slots=True)
class Kept:
    """What this person typed before and did not save; `draft` is None when it was kept as the session ended.

    conflict: the form was saved by somebody else since. left_out: what is not asked any more.
    """

    posted: PostedPage
    draft: Draft | None = None
    conflict: bool = False
    left_out: tuple[ReadLine, ...] = ()


def kept_here(
    casebook: Casebook, place: FormPlace, record: Record | None, *, of_session: QueryDict | None, user: User
) -> Kept | None:
    """Return what was typed here and not saved, None where there is nothing that the form takes.

    record: the one in force, also one that was struck out. of_session: what was kept when the session ended.
    """
    if of_session is not None:
        return _kept(casebook, place, record, attachments.known(of_session, place, was_kept=True), None)
    draft = drafts.draft_of(place=place, user=user)
    if draft is None:
        return None
    return _kept(casebook, place, record, drafts.typed_in(draft), draft)


def _kept(
    casebook: Casebook, place: FormPlace, record: Record | None, inputs: QueryDict, draft: Draft | None
) -> Kept | None:
    try:
        fitting, left_out = mapped_inputs(casebook, place, inputs)
    except NotOffered:
        return None
    posted = kept_page(place, fitting)
    if posted is None:
        return None
    # A draft that arrived after its own form had been saved is passed over.
    if draft is not None and record is not None and posted.key and posted.key == record.save_key:
        return None
    version = record.version if record is not None and record.state != Record.State.STRUCK_OUT else 0
    stale = posted.base_version != version
    if stale:
        posted = kept_page(place, conflicts.without_choices(fitting))
    if posted is None:
        return None
    return Kept(posted, draft, stale or bool(posted.differs), tuple(left_out))


def place_under(casebook: Casebook, place: FormPlace, version: ProtocolVersion) -> FormPlace:
    """Return the same place, read under another version of the protocol. Raises LookupError where it has none."""
    return casebook.place(place.form.code, place.visit.key if place.visit else None, place.repeat, version)
