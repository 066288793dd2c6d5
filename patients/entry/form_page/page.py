"""The page of a form as the templates render it: stored or typed values, findings of the checks, conflicts, changes.

It is built last, from the casebook, the location, the posted page or draft, and the result of the save. It does not
read the request, and neither refuses nor checks anything.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext

from patients.casebook.edit_checks import CheckedAnswers, checked
from patients.casebook.form_content import ReadLine, ReadSection, ValueDifference, differences
from patients.casebook.form_versions import all_sections, forms_before, lines_not_in_form, path_label
from patients.casebook.item_history import moment_words
from patients.casebook.known_values import known_values, units_of_last_time
from patients.casebook.outdated_scores import outdated_items
from patients.casebook.range_flags import place_readings
from patients.casebook.score_inputs import score_inputs
from patients.entry.answers import Answers, stored_rows
from patients.entry.capture_form import CaptureForm, form_for, input_id
from patients.entry.conflicts import to_choose
from patients.entry.controls import CONTROLS, Controls
from patients.entry.form_page.field_context import FieldContext, Result, sentences
from patients.entry.form_page.field_panel import FieldPanel
from patients.entry.form_page.form_header import FormHeader
from patients.entry.not_done import Marking
from patients.entry.posted import Action, PostedPage
from patients.entry.version_mapping import VersionChange, stored_answers, version_change
from patients.models import Draft, Patient, Visit
from patients.participation.consents.reconsent import version_to_sign
from patients.participation.questions import CONFIRMED, Question
from patients.system_texts import REASONS
from protocol.values.parsing import CheckFinding
from protocol.values.reference_ranges import Readings
from protocol.values.row_ids import by_id
from trials.reader import reader_language, shown_sentence


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a posted page was not stored; every field is empty if it was not refused.

    sentence: shown above the form. reason: shown at the reason for change. checked: findings of the checks under the
    lock, None if the save was refused before them. incomplete: completing the form was refused. questions: what the
    save asks about other records, confirmed by a box with the `token`.
    """

    sentence: str = ""
    reason: str = ""
    checked: CheckedAnswers | None = None
    incomplete: bool = False
    questions: tuple[Question, ...] = ()
    token: str = ""

    @property
    def box(self) -> str:
        """Return the name of the box that confirms the questions."""
        return CONFIRMED

    @property
    def unanswered(self) -> tuple[CheckFinding, ...]:
        """Return the required items without an answer; empty unless completing the form was refused."""
        return self.checked.unanswered if self.checked and self.incomplete else ()


@dataclass(frozen=True)
class EntryPage(FormHeader):
    """One form of one patient, as this person sees it now.

    closed: message why nothing can be entered. reading: a complete form that is opened to read. posted: the posted
    page or kept input, None to show the stored values. checked: findings of the checks, set if the form is entered.
    restored: the draft that `posted` comes from. conflict: somebody else saved meanwhile. left_out: answers typed under
    another protocol version that this one does not accept. listed: the row is entered in the list of its log.
    is_answer: the page answers a post. panel_item: the item whose queries and history the panel shows.
    """

    may_enter: bool = False
    closed: str = ""
    reading: bool = False
    posted: PostedPage | None = None
    checked: CheckedAnswers | None = None
    refused: Refused = Refused()
    marking: Marking | None = None
    restored: Draft | None = None
    conflict: bool = False
    left_out: Sequence[ReadLine] = ()
    listed: bool = False
    is_answer: bool = False
    panel_item: str = ""

    controls: Controls = CONTROLS

    @property
    def editable(self) -> bool:
        """Return True if this page enters the form."""
        return self.may_enter and not self.closed and not self.reading

    @property
    def is_checked(self) -> bool:
        """Return True if the page shows findings of the checks: it is editable, or it answers a post."""
        return self.editable or self.is_answer

    @property
    def attempted(self) -> bool:
        """Return True if the page answers a post that was to save the form."""
        return self.is_answer and self.posted is not None and self.posted.action.saves

    @cached_property
    def panel(self) -> FieldPanel:
        """Return the panel beside the form."""
        return FieldPanel(
            access=self.access,
            casebook=self.casebook,
            place=self.place,
            record=self.record,
            editable=self.editable,
            item_name=self.panel_item,
        )

    @cached_property
    def key(self) -> str:
        """Return a new key for this rendered page, with which a repeated save is recognised."""
        return uuid.uuid4().hex

    @property
    def inputs(self) -> QueryDict | None:
        """Return the typed inputs, None if the page shows the stored values."""
        return self.posted.inputs if self.posted else None

    @cached_property
    def stored(self) -> Mapping[str, Any]:
        """Return the stored values that this version of the form accepts."""
        return stored_answers(self.record, self.place)

    @cached_property
    def answers(self) -> Answers:
        """Return the typed answers, with the stored value where it was chosen; else all stored values."""
        if self.posted:
            return self.posted.answers(self.stored)
        return Answers(values=dict(self.stored), rows=stored_rows(self.stored))

    @cached_property
    def version_change(self) -> VersionChange | None:
        """Return the change of protocol version that editing causes; None if there is none or the form is closed."""
        return (
            version_change(self.casebook, self.place, self.record) if self.record and self.editable else None
        )

    @cached_property
    def no_longer_asked(self) -> list[ReadLine]:
        """Return the stored values of items that this version of the form no longer has."""
        values = self.record.values if self.record else {}
        before = forms_before(self.casebook, self.place.form, values)
        return lines_not_in_form(self.place.form, values, before, reader_language())

    @property
    def needs_consent(self) -> bool:
        """Return True if the form is closed until a consent is recorded."""
        consent = self.casebook.consent
        return consent is None or bool(version_to_sign(self.casebook.patient, consent))

    @property
    def needs_visit_day(self) -> bool:
        """Return True if the day of the form's visit can be recorded to open the form."""
        visit, patient = self.place.visit, self.place.patient
        open_states = (Visit.State.PLANNED, Visit.State.MISSED)
        return patient.state == Patient.State.ENROLLED and visit is not None and visit.state in open_states

    @cached_property
    def results(self) -> dict[str, tuple[Result, ...]]:
        """Return the messages at the fields, by the path under which each input was sent."""
        found: dict[str, tuple[Result, ...]] = {
            path: (Result("error", shown_sentence(refused)),)
            for path, refused in self.answers.refused.items()
        }
        all_findings = (*self.refused.unanswered, *(self.checked.findings if self.checked else ()))
        for path, each in sentences(all_findings, reader_language()).items():
            sent_path = self.answers.sent_path(path)
            found[sent_path] = (*found.get(sent_path, ()), *each)
        for name, message in map(self._taken_words, self.stored_chosen):
            found[name] = (*found.get(name, ()), Result("notice", message))
        if self.posted is None and self.record is not None and self.checked is not None:
            for item in outdated_items(self.place.form, self.stored, self.checked.values):
                message = gettext("Other forms have changed since this was saved: save this form again.")
                found[item.name] = (*found.get(item.name, ()), Result("warning", message))
        return found

    def _taken_words(self, taken: str) -> tuple[str, str]:
        """Return the item whose stored value was chosen, or whose row, and the message at it."""
        item, dash, row = taken.partition("-")
        if not dash:
            return item, gettext("The stored value is used.")
        number = self.posted.typed.sent_number(item, row) if self.posted else None
        place = by_id(self.stored.get(item)).get(row, (0,))[0] if number is None else number + 1
        return item, gettext("Row %(row)s: the stored value is taken.") % {"row": place}

    @cached_property
    def stored_chosen(self) -> list[str]:
        """Return the items, and the rows of tables, whose stored value was chosen."""
        return sorted(self.posted.stored_chosen) if self.posted else []

    @property
    def has_files(self) -> bool:
        """Return True if files can be attached to the form."""
        return self.place.form.takes_files

    @cached_property
    def form(self) -> CaptureForm:
        """Return the form to render."""
        return form_for(
            self.place.form,
            values=self.stored,
            data=self.inputs,
            clock=self.place.clock,
            language=reader_language(),
            context=self._field_context(),
        )

    def _field_context(self) -> FieldContext:
        checked = self.checked
        if checked is None:
            return FieldContext(results=self.results)
        grows = self.posted is not None and self.posted.action == Action.ADD_ROW
        return FieldContext(
            results=self.results,
            soft=frozenset(finding.item for finding in checked.soft),
            hidden=checked.hidden,
            undecided=checked.undecided - checked.waiting_for,
            required=checked.required,
            queries=self.panel.open_queries,
            known={} if self.is_complete else known_values(self.casebook, self.place),
            units={} if self.is_complete else units_of_last_time(self.casebook, self.place),
            calculated=checked.values,
            missing_inputs=checked.missing_inputs,
            more_rows=self.posted.target if self.posted and grows else "",
            readings=self._readings(checked),
            group_messages={self.marking.group: self.marking.message} if self.marking else {},
            stored_chosen=frozenset(self.stored_chosen),
            score_inputs=score_inputs(self.casebook, self.place, checked.values),
        )

    @cached_property
    def score_inputs(self) -> dict[str, list[str]]:
        """Return the values that each calculated item of the stored form reads, as sentences."""
        return score_inputs(self.casebook, self.place, self.record.values) if self.record else {}

    @property
    def is_outdated(self) -> bool:
        """Return True if a page for reading shows calculated values that other forms have changed since."""
        if not self.reading or self.record is None or not self.place.rules.calculates_from_elsewhere:
            return False
        now = checked(self.casebook, self.place, self.record.values).values
        return bool(outdated_items(self.place.form, self.stored, now))

    def _readings(self, checked: CheckedAnswers) -> Readings:
        """Return the positions of laboratory values in their reference ranges. One query on laboratory forms."""
        return place_readings(self.casebook, self.place, checked.values)

    @cached_property
    def errors(self) -> list[tuple[str, str, str]]:
        """Return the errors in the order of the form: id of the input, message, label of the item."""
        form = self.place.form
        order = {item.name: number for number, item in enumerate(form.items)}
        found = [
            (input_id(form, path), result.sentence, path_label(self.casebook, form, path))
            for path in sorted(self.results, key=lambda path: order[path.partition("-")[0]])
            for result in self.results[path]
            if result.blocks
        ]
        if self.refused.reason:
            found.append(("id_change-reason", self.refused.reason, gettext("Reason for the change")))
        return found

    @property
    def restored_at(self) -> str:
        """Return the time at which the draft was kept, as text; empty if no draft is shown."""
        return moment_words(self.restored.saved_at, self.zone) if self.restored else ""

    def _differences(
        self, values: Mapping[str, Any], read: Answers, *, calculated: bool
    ) -> list[ValueDifference]:
        raw = {path: self.inputs.get(path, "") for path in read.refused if self.inputs is not None}
        return differences(self.place.form, self.stored, values, raw, rows=read.rows, calculated=calculated)

    @property
    def conflicts(self) -> list[tuple[ValueDifference, str]]:
        """Return the items and rows whose stored and typed values differ, each with the choice made, empty if none."""
        if self.posted is None:
            return []
        read = self.posted.typed
        found = to_choose(self._differences(read.values, read, calculated=False), read)
        return [(each, self.posted.choices.get(each.name, "")) for each in found]

    @property
    def lists_changes(self) -> bool:
        """Return True if the posted page had the list of changes, because the form was complete when it was opened."""
        return self.is_complete and self.posted is not None and self.posted.was_complete

    @property
    def changes(self) -> list[ValueDifference]:
        """Return the values that saving would change in a complete form, calculated ones included."""
        if not self.is_complete or self.posted is None or self.checked is None:
            return []
        return self._differences(self.checked.values, self.answers, calculated=True)

    @property
    def sections(self) -> list[ReadSection]:
        """Return the content of the form as text, for readers who cannot edit it."""
        values = self.record.values if self.record else {}
        readings = place_readings(self.casebook, self.place, values, record=self.record)
        return all_sections(self.casebook, self.place.form, values, readings=readings)

    @property
    def reasons(self) -> list[tuple[str, str, bool]]:
        """Return the reasons for changing a complete form: code, text, and whether it is chosen."""
        chosen = self.posted.reason if self.posted else ""
        return [(code, str(words), code == chosen) for code, words in REASONS.items()]

    @property
    def note(self) -> str:
        """Return the free text added to the reason for change."""
        return self.posted.note if self.posted else ""
