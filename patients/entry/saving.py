"""Save a form: as a draft, as complete, amended with a reason, or struck out. No other module writes records.

Each function locks the patient first, so that two saves of one patient run one after the other.
"""

from collections.abc import Collection, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audit.compiled_changes import CompiledUpdate
from audit.context import because
from audit.stored_text import Text, trimmed
from patients.casebook.casebook import Casebook, FormPlace
from patients.casebook.edit_checks import CheckedAnswers, checked
from patients.entry import answers, drafts
from patients.entry.answers import ReadValues
from patients.entry.checks import check_queries, dependent_checks
from patients.entry.conflicts import values_resolved
from patients.entry.death_questions import ask_about_death
from patients.entry.entry_guard import refuse_entry
from patients.entry.files import attachments
from patients.entry.group_reasons import reason_with_group
from patients.entry.row_identity import RemovedRows, changed_cells, identified, ids_of, removed_rows, with_ids
from patients.entry.version_mapping import stored_answers, values_not_in_form
from patients.models import Record
from patients.participation.asked_facts import answer_by_change
from patients.participation.lifecycle import lock_patient, refuse_closed_form, refuse_when_closed
from protocol.document.items import Form
from protocol.values.parsing import NotOffered, Value
from protocol.values.refusals import gettext_noop

State = Record.State
Values = Mapping[str, Value]
WRITTEN = CompiledUpdate(
    Record,
    sets=("values", "state", "version", "save_key", "protocol", "completed_at"),
    where=("pk", "version"),
)


class NotComplete(Exception):
    """The form cannot be completed; `checked` holds the findings by item."""

    def __init__(self, checked: CheckedAnswers) -> None:
        self.checked = checked
        super().__init__(f"{len(checked.blocking_findings)} values need attention")


class StaleRecord(Exception):
    """The form was saved, or its protocol version changed, since it was opened; `record` is the one stored now."""

    def __init__(self, record: Record | None) -> None:
        self.record = record
        super().__init__("the form was changed since it was opened")


class ReasonNeeded(Exception):
    """A complete form changes only with a reason (AUD-04); `checked` holds the findings on the answers."""

    def __init__(self, checked: CheckedAnswers) -> None:
        self.checked = checked
        super().__init__("a complete form changes only with a reason")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The answers of one form to be saved.

    base_version: version of the record that the person saw, 0 for none. key: identifies one rendered page; a second
    save with it counts as a repetition. confirmed: reasons for unusual values, by path. stored_chosen: items, and
    rows of tables, whose stored value is kept, as chosen in a conflict. as_group: items answered as a group.
    questions: the token of the questions about other records that were confirmed.
    """

    place: FormPlace
    values: Values
    base_version: int = 0
    key: str = ""
    confirmed: Mapping[str, str] = field(default_factory=dict)
    stored_chosen: frozenset[str] = frozenset()
    as_group: tuple[str, ...] = ()
    questions: str = ""


@dataclass(frozen=True, slots=True)
class Saved:
    """The record after a save, in its casebook. changed: this save changed it.

    unconfirmed: the items whose unlikely value asks for a confirmation, as often as there are questions.
    """

    record: Record
    changed: bool
    casebook: Casebook
    unconfirmed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Write:
    """The values to write.

    changed: paths whose value differs from the stored one. before: the stored values, which the write replaces.
    """

    entry: Entry
    current: Record | None
    values: dict[str, Value]
    state: str
    changed: frozenset[str]
    before: Values

    @property
    def removed(self) -> RemovedRows:
        """Return the rows of tables that are no longer there."""
        tables = self.entry.place.form.tables
        return removed_rows(tables, self.before, self.values) if tables else {}

    @property
    def newly_known(self) -> frozenset[str]:
        """Return the paths that others read anew: the changed ones, and all of a draft that is completed now.

        Rules of forms read drafts, criteria of eligibility only complete forms.
        """
        was = self.current.state if self.current else None
        return self.changed if was in (None, self.state) else self.changed | self.values.keys()

    @property
    def is_change(self) -> bool:
        return self.current is None or bool(self.changed) or self.current.state != self.state


@transaction.atomic
def save_draft(entry: Entry, *, by: User) -> Saved:
    """Store a draft, complete or not. Raises StaleRecord, ValidationError, ValueRefused or Questioned."""
    return _save(entry, by, State.DRAFT)


@transaction.atomic
def complete(entry: Entry, *, by: User) -> Saved:
    """Store a form as complete. Raises NotComplete for a missing or impossible value, else as `save_draft`."""
    return _save(entry, by, State.COMPLETE)


@transaction.atomic
def amend(entry: Entry, *, reason: Text, by: User) -> Saved:
    """Change a complete form; the trail stores the reason. Raises ReasonNeeded without one, else as `complete`."""
    reason = trimmed(reason)
    with because(reason):
        return _save(entry, by, State.COMPLETE, reason)


@transaction.atomic
def strike_out(*, record: Record, reason: str, by: User) -> Record:
    """Mark a record as entered in error and close its queries. It stays visible with all its values.

    Raises ValidationError without a reason, or if the record is closed or already struck out.
    """
    if not reason.strip():
        raise ValidationError({"reason": _("Say why this form was entered in error.")})
    patient = lock_patient(record.patient)
    refuse_when_closed(patient)
    row = Record.objects.select_for_update(of=("self",)).select_related("visit").get(pk=record.pk)
    refuse_closed_form(row, row.visit)
    if row.state == State.STRUCK_OUT:
        raise ValidationError(_("This form is already struck out."))
    row.state, row.struck_out_reason, row.version = State.STRUCK_OUT, reason.strip(), row.version + 1
    with because(reason.strip()):
        row.save(update_fields=["state", "struck_out_reason", "version"])
        check_queries.close_all(record=row, because=reason.strip())
        names = [f"logs.{row.form}", *(f"{row.form}.{item}" for item in row.values)]
        row.patient = patient
        dependent_checks.check_facts(patient=patient, names=names, by=by, changed=row)
    return row


def _save(entry: Entry, by: User, state: str, reason: Text | None = None) -> Saved:
    """Lock the patient, check the answers and write them. Only the casebook read under the lock is current."""
    casebook = Casebook.for_save(entry.place)
    entry = replace(entry, place=casebook.here)
    record = casebook.record(entry.place)
    refuse_entry(casebook, entry.place, record)
    current = record if record is not None and record.state != State.STRUCK_OUT else None
    # The last save came from the same rendered page, by a second click or after further typing. It is not a conflict,
    # although the page still states the older version of the record.
    is_repeated = current is not None and bool(entry.key) and current.save_key == entry.key
    _refuse_stale(entry, casebook, current, is_repeated)
    if not is_repeated:
        _refuse_wrong_verb(current, state, reason)
    entered, fresh = _values(entry, current)
    if entry.place.form.takes_files:
        attachments.refuse_cleared(entry.place, entered)
    found = checked(casebook, entry.place, entered)
    if state == State.COMPLETE and found.blocking_findings:
        raise NotComplete(found)
    before, tables = current.values if current else {}, entry.place.form.tables
    final = identified(found, tables, before, fresh) if tables else found
    values = {**_not_asked(current, entry.place), **final.values}
    changed = _changed(before, values, entry.place.form)
    if current is not None and is_repeated and current.state == state and not changed:
        return Saved(current, False, casebook)
    # Only here for a repeated page: its first save may have completed the form, and an unchanged repetition succeeds.
    _refuse_wrong_verb(current, state, reason)
    if reason == "" and changed:
        raise ReasonNeeded(found)
    write = _Write(entry, current, values, state, changed, before)
    as_group = [name for name in entry.as_group if name in changed]
    with because(reason_with_group(as_group, reason)) if as_group else nullcontext():
        saved = _written(write, casebook, final, by)
        if entry.place.date_of_death in changed:
            ask_about_death(casebook, saved.record, entry.questions)
    if reason and changed:
        items = {path.partition("-")[0] for path in changed}
        answer_by_change(reason=reason, items=items, by=by, record=saved.record)
    return saved


def _written(write: _Write, casebook: Casebook, found: CheckedAnswers, by: User) -> Saved:
    is_new, is_change, newly_known = write.current is None, write.is_change, write.newly_known
    stored = _stored(write, casebook)
    changes = check_queries.QueryChanges(stored)
    unconfirmed = check_queries.reconcile(
        changes=changes,
        fresh_record=is_new,
        rules=write.entry.place.rules,
        soft=found.soft,
        confirmed=write.entry.confirmed,
        changed=write.changed,
        removed=write.removed,
        by=by,
    )
    drafts.discard(place=write.entry.place, user=by)
    if is_new:
        casebook.records.append(stored)
    _check_dependents(casebook, stored, newly_known, changes, by)
    changes.write(by)
    return Saved(stored, is_change, casebook, unconfirmed)


def _check_dependents(
    casebook: Casebook, stored: Record, changed: frozenset[str], changes: check_queries.QueryChanges, by: User
) -> None:
    """Check the forms and the decision on eligibility that read a changed item; most items are read nowhere else."""
    names = {f"{stored.form}.{path.partition('-')[0]}" for path in changed}
    if names and stored.visit_id is None:
        names.add(f"logs.{stored.form}")
    names &= casebook.here.read_elsewhere
    # Only what is complete can be contradicted.
    if names and any(record.state == State.COMPLETE for record in casebook.records):
        dependent_checks.check_saved(casebook, stored, names, changes, by)


def _values(entry: Entry, current: Record | None) -> tuple[dict[str, Value], Collection[str]]:
    """Return the answers to check, with the stored values of `entry.stored_chosen`, and the ids of their new rows.

    Values parsed from a page of this form are not checked again; any others are (P11-06). Raises ValueRefused.
    """
    form, values = entry.place.form, entry.values
    if isinstance(values, ReadValues) and values.form is form:
        read, fresh = dict(values), frozenset(values.fresh)
    else:
        read = answers.check(form, values)
        read = with_ids(form.tables, read, current.values if current else {}) if form.tables else read
        fresh = ids_of(form.tables, read) if form.tables else frozenset()
    if entry.stored_chosen:
        read = values_resolved(read, stored_answers(current, entry.place), entry.stored_chosen)
    return read, fresh


def _not_asked(current: Record | None, place: FormPlace) -> dict[str, Value]:
    """Return the stored values of items that the form no longer has: they stay with the record (DAT-09)."""
    return {} if current is None else values_not_in_form(current.values, place.form)


def _changed(before: Values, values: Values, form: Form) -> frozenset[str]:
    """Return the items whose value differs, and of the tables also the paths of the cells that differ."""
    names = {name for name in before.keys() | values.keys() if before.get(name) != values.get(name)}
    return frozenset({*names, *changed_cells(form.tables, before, values)} if form.tables else names)


def _refuse_stale(entry: Entry, casebook: Casebook, current: Record | None, is_repeated: bool) -> None:
    version = current.version if current else 0
    read_under = casebook.version_for(entry.place.form.code, entry.place.visit, current)
    if not (is_repeated or entry.base_version == version) or entry.place.protocol.pk != read_under.pk:
        raise StaleRecord(current)


def _refuse_wrong_verb(current: Record | None, state: str, reason: Text | None) -> None:
    is_complete = current is not None and current.state == State.COMPLETE
    if is_complete and reason is None:
        raise ValidationError(_("This form is complete: change it with a reason."))
    if not is_complete and reason is not None:
        raise ValidationError(_("Only a complete form is amended: save this one as a draft or complete it."))


def _stored(write: _Write, casebook: Casebook) -> Record:
    current, place, now = write.current, write.entry.place, timezone.now()
    if current is None:
        return Record.objects.create(
            patient=casebook.patient,
            visit=place.visit,
            protocol=place.protocol,
            form=place.form.code,
            repeat=_free_number(casebook, place),
            state=write.state,
            values=write.values,
            # One moment of a save: a form completed at once is not completed before it was entered.
            created_at=now,
            completed_at=now if write.state == State.COMPLETE else None,
            save_key=write.entry.key,
        )
    if not write.is_change:
        return current
    completed_at = current.completed_at or (now if write.state == State.COMPLETE else None)
    fresh: dict[str, Any] = {
        "values": write.values,
        "state": write.state,
        "version": current.version + 1,
        "save_key": write.entry.key,
        "protocol": place.protocol.pk,
        "completed_at": completed_at,
    }
    if not WRITTEN.run(to=fresh, where={"pk": current.pk, "version": current.version}):
        raise StaleRecord(Record.objects.filter(pk=current.pk).first())
    current.protocol = place.protocol
    del fresh["protocol"]
    for name, value in fresh.items():
        setattr(current, name, value)
    return current


def _free_number(casebook: Casebook, place: FormPlace) -> int:
    """Return the `repeat` of a new record. Raises NotOffered for a log row beyond the next free number.

    At a visit it is one above the highest there, because a struck-out record keeps its number.
    """
    if place.visit is None:
        if place.repeat > casebook.following_row(place.form.code):
            raise NotOffered(gettext_noop("The form has no row “%(row)s”."), row=str(place.repeat))
        return place.repeat
    return 1 + max((record.repeat for record in casebook.records if place.holds(record)), default=0)
