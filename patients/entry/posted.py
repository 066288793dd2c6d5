"""Read a posted or kept page of a form once, into one frozen value: button, versions, answers, reason.

Inputs that our page does not send are refused only here (400); every later step relies on it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from django.core.exceptions import BadRequest
from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext as _

from audit.stored_text import Text, system_text
from patients.casebook.casebook import Casebook, FormPlace
from patients.entry import answers, conflicts
from patients.entry.answers import Answers
from patients.entry.controls import CONTROLS
from patients.entry.files import attachments
from patients.entry.saving import Entry
from patients.system_texts import REASON, REASONS
from protocol.document.items import Form
from protocol.values.parsing import NotOffered, Value, ValueRefused
from protocol.values.refusals import gettext_noop
from protocol.values.row_ids import is_row_id
from trials.models import ProtocolVersion
from trials.reader import shown_sentence

LONGEST_KEY, LONGEST_NOTE = 64, 500
# Record version of a kept page whose version cannot be read. It differs from every real one, so it shows a conflict.
UNREADABLE = -1


class Action(StrEnum):
    """The buttons of the page."""

    DRAFT = CONTROLS.draft
    NEXT = CONTROLS.next
    ADD_ROW = CONTROLS.add_row
    NOT_DONE = CONTROLS.not_done
    UNDO_NOT_DONE = CONTROLS.undo_not_done
    ALL_NO = CONTROLS.all_no
    UNDO_ALL_NO = CONTROLS.undo_all_no
    TAKE = CONTROLS.take

    @property
    def saves(self) -> bool:
        """Return True if the button saves the form; the others only change the page."""
        return self in (Action.DRAFT, Action.NEXT)


@dataclass(frozen=True, slots=True)
class PostedPage:
    """One page of a form as a person sent it.

    inputs: the texts as typed, to be shown again. typed: the answers read from them.
    target: the table that gets more rows, the number of the group that is marked or answered, the item that takes a
    known value. grouped: items that the button of their group answered with No. questions: the token of
    those that were confirmed.
    base_version: version of the record that the page shows. was_complete: the record was complete then.
    listed: the row is entered in the list of its log. differs: items, and rows of tables, that two people entered
    differently; choices: the value chosen for each. marked: items that the button of their group marked as not done.
    """

    place: FormPlace
    inputs: QueryDict
    typed: Answers
    action: Action = Action.DRAFT
    target: str = ""
    base_version: int = 0
    key: str = ""
    was_complete: bool = False
    listed: bool = False
    reason: str = ""
    note: str = ""
    differs: tuple[str, ...] = ()
    choices: Mapping[str, str] = field(default_factory=dict)
    marked: frozenset[str] = frozenset()
    grouped: frozenset[str] = frozenset()
    questions: str = ""

    @property
    def stored_chosen(self) -> frozenset[str]:
        """Return the items, and the rows of tables (`doses-r0a1b2c3d`), whose stored value was chosen."""
        return frozenset(name for name, choice in self.choices.items() if choice == CONTROLS.stored)

    @property
    def unresolved(self) -> bool:
        """Return True if no value is chosen yet for an item that differs."""
        return any(name not in self.choices for name in self.differs)

    @property
    def refused(self) -> Mapping[str, ValueRefused]:
        """Return the refusals by path, without items whose stored value was chosen."""
        return (
            conflicts.without_items(self.typed.refused, self.typed, self.stored_chosen)
            if self.choices
            else self.typed.refused
        )

    @property
    def confirmed(self) -> Mapping[str, str]:
        """Return the reasons for unusual values by stored path, without items whose stored value was chosen."""
        return self.answers({}).confirmations

    @property
    def reason_text(self) -> Text:
        """Return the reason for change; empty if none was chosen, or if “Other” has no free text."""
        note = self.note.strip()[:LONGEST_NOTE]
        if self.reason not in REASONS or (self.reason == "other" and not note):
            return ""
        return system_text(f"{REASON}{self.reason}", note)

    @property
    def entry(self) -> Entry:
        """Return the answers to save, as `patients.entry.saving` takes them."""
        return Entry(
            place=self.place,
            values=self.typed.values,
            base_version=self.base_version,
            key=self.key,
            confirmed=self.confirmed,
            stored_chosen=self.stored_chosen,
            as_group=self.answered_as_group,
            questions=self.questions,
        )

    @property
    def answered_as_group(self) -> tuple[str, ...]:
        """Return the items that the button of their group answered and that still say No, in the order of the form."""
        if not self.grouped:
            return ()
        items = [item.name for group in self.place.form.groups if group.all_no for item in group.items]
        return tuple(name for name in items if name in self.grouped and self.typed.values.get(name) == "N")

    def answers(self, stored: Mapping[str, Value]) -> Answers:
        """Return the typed answers, with the stored value of the items where it was chosen."""
        return conflicts.resolved(self.typed, stored, self.stored_chosen) if self.choices else self.typed


def sent_page(
    request: HttpRequest,
    casebook: Casebook,
    form: str,
    visit: str | None,
    repeat: int,
    *,
    button: bool = True,
) -> PostedPage:
    """Read a posted page and store its files. Raises BadRequest (400) for inputs that our page does not send.

    Raises LookupError if the protocol version of the page does not have this location. button: read the pressed button.
    """
    place = casebook.place(form, visit, repeat, _protocol_sent(request.POST, casebook))
    inputs = attachments.receive(request, casebook, place) if place.form.takes_files else request.POST
    page = read_page(place, inputs)
    if not button:
        return page
    action, target = _button(inputs.get(CONTROLS.action, CONTROLS.draft))
    return replace(page, action=action, target=target)


def read_page(place: FormPlace, inputs: QueryDict) -> PostedPage:
    """Read the inputs of a page, except its button. Raises BadRequest for inputs that our page does not send."""
    try:
        return _read(place, inputs, _number(inputs, CONTROLS.version))
    except NotOffered as unknown:
        raise BadRequest(shown_sentence(unknown)) from unknown


def kept_page(place: FormPlace, inputs: QueryDict) -> PostedPage | None:
    """Read a kept page, whatever record version it states; None if the form no longer offers one of its inputs."""
    try:
        version = _number(inputs, CONTROLS.version)
    except BadRequest:
        version = UNREADABLE
    try:
        return _read(place, inputs, version)
    except NotOffered:
        return None


def _read(place: FormPlace, inputs: QueryDict, version: int) -> PostedPage:
    return PostedPage(
        place=place,
        inputs=inputs,
        typed=answers.read(place.form, dict(inputs.lists()), place.clock),
        base_version=version,
        key=inputs.get(CONTROLS.key, "")[:LONGEST_KEY],
        was_complete=inputs.get(CONTROLS.state) == CONTROLS.complete,
        listed=CONTROLS.listed in inputs,
        reason=inputs.get(CONTROLS.reason, ""),
        note=inputs.get(CONTROLS.note, ""),
        differs=tuple(inputs.getlist(CONTROLS.differs)),
        choices=_choices(place.form, inputs),
        marked=frozenset(inputs.getlist(CONTROLS.marked)),
        grouped=frozenset(inputs.getlist(CONTROLS.grouped)),
        questions=inputs.get(CONTROLS.questions, "")[:LONGEST_KEY],
    )


def _choices(form: Form, inputs: QueryDict) -> dict[str, str]:
    """Return by item, or row of a table, which of two values was chosen. Raises NotOffered for an unknown one."""
    found = {}
    for name in inputs:
        if name.startswith(CONTROLS.choose):
            item, choice = name.removeprefix(CONTROLS.choose), inputs[name]
            if not _can_differ(form, item) or choice not in (CONTROLS.stored, CONTROLS.mine):
                raise NotOffered(gettext_noop("“%(code)s” cannot be chosen here."), code=f"{item}: {choice}")
            found[item] = choice
    return found


def _can_differ(form: Form, name: str) -> bool:
    item, dash, row = name.partition("-")
    return item in form and (not dash or (form.item(item).type == "rows" and is_row_id(row)))


def _button(value: str) -> tuple[Action, str]:
    for action in Action:
        if value == action or (value.startswith(action) and not action.saves):
            return action, value.removeprefix(action)
    raise BadRequest(not_our_page())


def _protocol_sent(inputs: QueryDict, casebook: Casebook) -> ProtocolVersion | None:
    """Return the protocol version of the page, None if it is the patient's own. Raises BadRequest. One query if not."""
    own = casebook.patient.protocol_id
    sent_version = _number(inputs, CONTROLS.protocol, own)
    if sent_version == own:
        return None
    version = ProtocolVersion.objects.filter(pk=sent_version, trial=casebook.patient.trial).first()
    if version is None:
        raise BadRequest(not_our_page())
    return version


def _number(inputs: QueryDict, name: str, default: int = 0) -> int:
    text = inputs.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise BadRequest(not_our_page())
    return int(text)


def not_our_page() -> str:
    """Return the message for a posted page with inputs that our page does not send."""
    return _("The form was altered in transit. Open it again.")
