"""The page of a form: everything the template shows, gathered from what is stored and what was typed."""

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext

from patients.casebook.casebook import FormPlace
from patients.casebook.edit_checks import CheckedAnswers, check_answers
from patients.casebook.form_versions import all_sections, forms_before, item_in, not_asked
from patients.casebook.item_history import ItemChange, add_threads, changes_of, moment_words
from patients.casebook.known_values import known_values
from patients.casebook.outdated_scores import outdated_items
from patients.casebook.range_flags import place_readings
from patients.casebook.read_form import ReadLine, ReadSection, ValueDifference, differences
from patients.entry import answers, conflicts
from patients.entry.answers import Answers
from patients.entry.capture_form import CaptureForm, FieldContext, Result, form_for, sentences
from patients.entry.form_header import FormHeader
from patients.entry.version_mapping import VersionChange, mapped, values_asked, version_change
from patients.models import Draft, Patient, Query, Visit
from patients.participation.reconsent import version_to_sign
from patients.system_texts import REASONS
from protocol.document.items import Item
from protocol.expressions.rules import rules_of
from protocol.values.parsing import CheckFinding, Clock
from protocol.values.reference_ranges import Readings
from trials.permissions import Permission
from trials.reader import reader_language


def clock_of(place: FormPlace) -> Clock:
    """The clock on which dates and times of a form are read."""
    return Clock(place.protocol.rules.trial.site.time_zone, place.day)


@dataclass
class EntryPage(FormHeader):
    """One form of one patient, as this person sees it now."""

    may_enter: bool
    closed: str = ""
    data: QueryDict | None = None
    unanswered: tuple[CheckFinding, ...] = ()
    refusal: str = ""
    reason_refused: str = ""
    restored: Draft | None = None
    conflict: bool = False
    # What was typed on a page of an earlier version and is not asked any more.
    left_out: Sequence[ReadLine] = ()
    more_rows: str = ""
    # The group that was just marked as not done, and what is told of it.
    acted: int = -1
    said_of_group: str = ""
    # Whether the row is entered in the list of its log.
    listed: bool = False
    asked: str = ""
    # What was just said in the thread beside the field, in which query (0: a new one), and why it was refused.
    said: str = ""
    said_in: int = 0
    said_refused: str = ""
    tools: bool = field(default=True)

    @property
    def editable(self) -> bool:
        """Whether this person can enter the form now."""
        return self.may_enter and not self.closed

    @cached_property
    def key(self) -> str:
        """The name of this rendered form: it is saved once."""
        return uuid.uuid4().hex

    @property
    def values(self) -> Mapping[str, Any]:
        """The values as they are stored, those of items that are not asked any more too."""
        return self.record.values if self.record else {}

    @cached_property
    def stored(self) -> Mapping[str, Any]:
        """The values that are stored, as this version of the form takes them."""
        if self.record is None:
            return {}
        if self.record.protocol_id != self.place.protocol.pk:
            return mapped(self.record.values, self.place.form).values
        return values_asked(self.record.values, self.place.form)

    @cached_property
    def passage(self) -> VersionChange | None:
        """What editing changes beside the answers, when the form was captured under an earlier version."""
        return (
            version_change(self.casebook, self.place, self.record) if self.record and self.editable else None
        )

    @cached_property
    def no_longer_asked(self) -> list[ReadLine]:
        """The values of items that this version of the form does not ask any more."""
        before = forms_before(self.casebook, self.place.form, self.values)
        return not_asked(self.place.form, self.values, before, reader_language())

    @property
    def consent_wanted(self) -> bool:
        """Whether the form is closed until a consent is recorded."""
        consent = self.casebook.consent
        return consent is None or bool(version_to_sign(self.casebook.patient, consent))

    @property
    def day_wanted(self) -> bool:
        """Whether the form is closed until the day of its visit is recorded."""
        visit, patient = self.place.visit, self.place.patient
        open_states = (Visit.State.PLANNED, Visit.State.MISSED)
        return patient.state == Patient.State.ENROLLED and visit is not None and visit.state in open_states

    @cached_property
    def typed(self) -> Answers:
        """What was typed, or what is stored."""
        if self.data is None:
            return Answers(values=dict(self.stored))
        return answers.read(self.place.form, dict(self.data.lists()), clock_of(self.place))

    @cached_property
    def choices(self) -> Mapping[str, str]:
        """Which of two values was chosen by item, where somebody else saved meanwhile."""
        return conflicts.choices_made(self.place.form, self.data)

    @cached_property
    def answers(self) -> Answers:
        """What was typed, with the stored value where that was chosen."""
        return conflicts.resolved(self.typed, self.stored, self.choices) if self.choices else self.typed

    @cached_property
    def judgement(self) -> CheckedAnswers:
        """What the rules say of the answers."""
        rules = rules_of(self.place.protocol.rules).form(self.place.form.code)
        scope = self.casebook.scope(self.place, self.answers.values)
        return check_answers(self.place.form, rules, scope, reader_language())

    @cached_property
    def results(self) -> dict[str, tuple[Result, ...]]:
        """The sentences beside the fields, by the path under which they were sent."""
        found: dict[str, tuple[Result, ...]] = {
            path: (Result("error", refused.sentence(gettext)),)
            for path, refused in self.answers.refused.items()
        }
        for path, each in sentences((*self.unanswered, *self.judgement.findings)).items():
            sent = self.answers.sent_path(path)
            found[sent] = (*found.get(sent, ()), *each)
        for path in self.taken:
            found[path] = (*found.get(path, ()), Result("notice", gettext("The stored value is taken.")))
        if self.data is None and self.record is not None:
            for item in outdated_items(self.place.form, self.stored, self.judgement.values):
                told = gettext("Other forms have changed since this was saved: save this form again.")
                found[item.name] = (*found.get(item.name, ()), Result("warning", told))
        return found

    @property
    def taken(self) -> list[str]:
        """The items of which the stored value was chosen."""
        return sorted(name for name, choice in self.choices.items() if choice == conflicts.STORED)

    @property
    def has_files(self) -> bool:
        """Whether the form takes files."""
        return any(item.type == "file" for item in self.place.form.items)

    @property
    def may_see_files(self) -> bool:
        """Whether this person opens attached files."""
        return self.request.access.may(Permission.SEE_FILES)

    @cached_property
    def readings(self) -> Readings:
        """Where laboratory values lie in the reference ranges. One query on laboratory forms."""
        return place_readings(self.casebook, self.place, self.judgement.values)

    @cached_property
    def form(self) -> CaptureForm:
        """The form to render."""
        judgement = self.judgement
        around = FieldContext(
            results=self.results,
            soft=frozenset(finding.item for finding in judgement.soft),
            hidden=judgement.hidden,
            undecided=judgement.undecided - judgement.waiting,
            required=judgement.required,
            queries=self.open_queries,
            known=known_values(self.casebook, self.place) if self.record is None else {},
            calculated=judgement.values,
            lacking=judgement.lacking,
            more_rows=self.more_rows,
            readings=self.readings,
            said_of_group={self.acted: self.said_of_group},
            taken=frozenset(self.taken),
        )
        return form_for(
            self.place.form,
            values=self.stored,
            data=self.data,
            clock=clock_of(self.place),
            language=reader_language(),
            surroundings=around,
        )

    @cached_property
    def errors(self) -> list[tuple[str, str, str]]:
        """Where each error is, its sentence and its item, in the order of the form."""
        order = {item.name: number for number, item in enumerate(self.place.form.items)}
        paths = sorted(self.results, key=lambda path: order[path.partition("-")[0]])
        found = [
            (self._target(path), result.sentence, self._label(path))
            for path in paths
            for result in self.results[path]
            if result.blocks
        ]
        if self.reason_refused:
            found.append(("id_change-reason", self.reason_refused, gettext("Reason for the change")))
        return found

    def _label(self, path: str) -> str:
        name, _dash, cell = path.partition("-")
        item, language = self._item(name), reader_language()
        label = item.label.in_language(language) if item else name
        if not cell or item is None:
            return label
        row, _dash, column = cell.partition("-")
        return f"{label} {int(row) + 1}, {item.column(column).label.in_language(language)}"

    def _item(self, name: str) -> Item | None:
        """The item, also one that this version of the form does not ask any more."""
        form = self.place.form
        return item_in([form], name) or item_in(forms_before(self.casebook, form, {name: None}), name)

    @property
    def attempted(self) -> bool:
        """Whether the form was sent to be saved."""
        return self.request.method == "POST" and not self.more_rows and self.acted < 0

    def _target(self, path: str) -> str:
        name, dash, _rest = path.partition("-")
        if name not in self.place.form:
            return name
        if dash or self.place.form.item(name).is_calculated:
            return f"id_{path}" if dash else name
        return self.form[name].first_id

    @cached_property
    def queries(self) -> list[Query]:
        """The queries of this record, the open ones first. One query."""
        if self.record is None:
            return []
        rows = list(Query.objects.filter(record=self.record).select_related("opened_by"))
        for query in rows:
            query.label = self._label(query.item)
        return sorted(rows, key=lambda query: (query.state == Query.State.CLOSED, -query.pk))

    @property
    def open_queries(self) -> Mapping[str, int]:
        """How many queries are open by item."""
        return Counter(query.item for query in self.queries if query.state != Query.State.CLOSED)

    @cached_property
    def field(self) -> Item | None:
        """The item whose queries and history were asked for (`?field=sbp`)."""
        name = self.asked or self.request.GET.get("field", "")
        return self._item(name) if name in self.place.form or name in self.values else None

    @property
    def field_label(self) -> str:
        """The item in words."""
        return self.field.label.in_language(reader_language()) if self.field else ""

    @cached_property
    def field_queries(self) -> list[Query]:
        """The queries of that item, each with its `thread`. One query."""
        found = [query for query in self.queries if self.field and query.item == self.field.name]
        add_threads(found, self.zone)
        return found

    @property
    def may_answer(self) -> bool:
        """Whether this person answers queries."""
        return self.request.access.may(Permission.ANSWER_QUERY)

    @property
    def may_close(self) -> bool:
        """Whether this person closes and reopens queries."""
        return self.request.access.may(Permission.RAISE_QUERY)

    @property
    def may_ask(self) -> bool:
        """Whether this person can raise a query on that item now: one thread of a person is open at a time."""
        is_asked = any(each.state != Query.State.CLOSED and not each.by_check for each in self.field_queries)
        return self.record is not None and self.may_close and not is_asked

    @property
    def field_target(self) -> str:
        """The input of that item."""
        return self._target(self.field.name) if self.field else ""

    @cached_property
    def field_changes(self) -> list[ItemChange]:
        """The history of that item."""
        if self.record is None or self.field is None:
            return []
        return changes_of(self.record, self.field, self.zone, files=self.may_see_files)

    @property
    def restored_at(self) -> str:
        """When what was typed was kept."""
        return moment_words(self.restored.saved_at, self.zone) if self.restored else ""

    def _differences(
        self, values: Mapping[str, Any], read: Answers, *, calculated: bool
    ) -> list[ValueDifference]:
        raw = {path: self.data.get(path, "") for path in read.refused if self.data is not None}
        return differences(self.place.form, self.stored, values, raw, calculated=calculated)

    @property
    def conflicts(self) -> list[tuple[ValueDifference, str]]:
        """What is stored beside what was typed, where they differ, and what was chosen."""
        found = self._differences(self.typed.values, self.typed, calculated=False)
        return [(each, self.choices.get(each.name, "")) for each in found]

    @property
    def lists_changes(self) -> bool:
        """Whether the page that was sent has the list of changes: it was opened when the form was complete."""
        sent = self.data.get("_state") if self.data is not None else ""
        return self.is_complete and sent == "complete"

    @property
    def changes(self) -> list[ValueDifference]:
        """What saving would change in a complete form, calculated values too."""
        if not self.is_complete or self.data is None:
            return []
        return self._differences(self.judgement.values, self.answers, calculated=True)

    @property
    def sections(self) -> list[ReadSection]:
        """The form in words, for those who read it."""
        values = self.record.values if self.record else {}
        readings = place_readings(self.casebook, self.place, values)
        return all_sections(self.casebook, self.place.form, values, readings=readings)

    @property
    def reasons(self) -> list[tuple[str, str, bool]]:
        """Why a complete form may change."""
        chosen = self.data.get("_reason", "") if self.data is not None else ""
        return [(code, str(words), code == chosen) for code, words in REASONS.items()]

    @property
    def note(self) -> str:
        """The reason in the person's own words."""
        return self.data.get("_note", "") if self.data is not None else ""
