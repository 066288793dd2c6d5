"""Entering a form: draft, complete, amended with a reason, struck out. The only place that writes records."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
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
from patients.casebook.edit_checks import CheckedAnswers, check_answers
from patients.entry import answers, check_queries, drafts
from patients.entry.entry_guard import refuse_entry
from patients.entry.version_mapping import values_not_asked
from patients.models import Patient, Record
from patients.participation.lifecycle import refuse_closed_place, refuse_when_closed
from protocol.expressions.rules import rules_of
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
    """The form cannot be completed as it is; `judgement` says why, item by item."""

    def __init__(self, judgement: CheckedAnswers) -> None:
        self.judgement = judgement
        super().__init__(f"{len(judgement.obstacles)} values need attention")


class StaleRecord(Exception):
    """Somebody saved this form since it was opened; `record` is what is stored now."""

    def __init__(self, record: Record | None) -> None:
        self.record = record
        super().__init__("the form was changed since it was opened")


class ReasonNeeded(Exception):
    """A complete form changes only with a reason (AUD-04)."""


@dataclass(frozen=True, slots=True)
class Saved:
    """The record as it is now, in its casebook; `changed` tells whether this save changed it."""

    record: Record
    changed: bool
    casebook: Casebook
    soft: int = 0


@dataclass(frozen=True, slots=True)
class _Save:
    """One request to save: where, what, on which version, under which key, by whom."""

    place: FormPlace
    values: Values
    base_version: int
    key: str
    confirmed: Mapping[str, str]
    by: User


@transaction.atomic
def save_draft(
    *,
    place: FormPlace,
    values: Values,
    base_version: int,
    by: User,
    key: str = "",
    confirmed: Mapping[str, str] | None = None,
) -> Saved:
    """Store a draft: anything the types allow, complete or not.

    base_version: version of the record the person saw, 0 for none. key: names one rendered form, saved once.
    confirmed: why unusual values are right, by path. Raises Stale, ValidationError, ValueRefused.
    """
    return _save(_Save(place, values, base_version, key, confirmed or {}, by), State.DRAFT)


@transaction.atomic
def complete(
    *,
    place: FormPlace,
    values: Values,
    base_version: int,
    by: User,
    key: str = "",
    confirmed: Mapping[str, str] | None = None,
) -> Saved:
    """Store a form as complete: all that is needed answered, nothing impossible. Raises NotComplete too."""
    return _save(_Save(place, values, base_version, key, confirmed or {}, by), State.COMPLETE)


@transaction.atomic
def amend(
    *,
    place: FormPlace,
    values: Values,
    base_version: int,
    reason: Text,
    by: User,
    key: str = "",
    confirmed: Mapping[str, str] | None = None,
) -> Saved:
    """Change a complete form. The reason goes to the trail with the change. Raises ReasonNeeded too."""
    reason = trimmed(reason)
    with because(reason):
        return _save(_Save(place, values, base_version, key, confirmed or {}, by), State.COMPLETE, reason)


@transaction.atomic
def strike_out(*, record: Record, reason: str, by: User) -> Record:
    """Mark a record as entered in error. It stays visible with all its values (DESIGN §4)."""
    if not reason.strip():
        raise ValidationError({"reason": _("Say why this form was entered in error.")})
    patient = (
        Patient.objects.select_for_update(of=("self",)).select_related("trial").get(pk=record.patient_id)
    )
    refuse_when_closed(patient)
    row = Record.objects.select_for_update(of=("self",)).select_related("visit").get(pk=record.pk)
    refuse_closed_place(row, row.visit)
    if row.state == State.STRUCK_OUT:
        raise ValidationError(_("This form is already struck out."))
    row.state, row.struck_out_reason, row.version = State.STRUCK_OUT, reason.strip(), row.version + 1
    with because(reason.strip()):
        row.save(update_fields=["state", "struck_out_reason", "version"])
        check_queries.close_all(record=row, because=reason.strip())
    return row


def _save(save: _Save, state: str, reason: Text | None = None) -> Saved:
    casebook = Casebook.held(save.place)
    record = casebook.record(save.place)
    refuse_entry(casebook, save.place, record)
    current = record if record is not None and record.state != State.STRUCK_OUT else None
    saved_last = current is not None and bool(save.key) and current.save_key == save.key
    if current is not None and saved_last:
        # This very page saved last: a second click repeats it, what was typed since goes on from there.
        save = replace(save, base_version=current.version)
    _refuse_stale(save, casebook, current)
    if not saved_last:
        _refuse_wrong_verb(current, state, reason)
    judgement = _judged(save, casebook, state)
    values = {**values_not_asked(current.values if current else {}, save.place.form), **judgement.values}
    changed = _changed(current, values)
    if current is not None and saved_last and current.state == state and not changed:
        return Saved(current, False, casebook)
    _refuse_wrong_verb(current, state, reason)
    if reason == "" and changed:
        raise ReasonNeeded
    return _written(save, casebook, current, replace(judgement, values=values), state, changed)


def _judged(save: _Save, casebook: Casebook, state: str) -> CheckedAnswers:
    values = answers.check(save.place.form, save.values)
    rules = rules_of(save.place.protocol.rules).form(save.place.form.code)
    judgement = check_answers(save.place.form, rules, casebook.scope(save.place, values))
    if state == State.COMPLETE and judgement.obstacles:
        raise NotComplete(judgement)
    return judgement


def _changed(current: Record | None, values: Values) -> frozenset[str]:
    before = current.values if current else {}
    return frozenset(name for name in before.keys() | values.keys() if before.get(name) != values.get(name))


def _written(
    save: _Save,
    casebook: Casebook,
    current: Record | None,
    judgement: CheckedAnswers,
    state: str,
    changed: frozenset[str],
) -> Saved:
    is_change = current is None or bool(changed) or current.state != state
    stored = _stored(save, casebook, current, judgement.values, state, changed)
    check_queries.reconcile(
        record=stored,
        form=save.place.form,
        soft=judgement.soft,
        confirmed=save.confirmed,
        changed=changed,
        fresh_record=current is None,
        by=save.by,
    )
    drafts.discard(place=save.place, user=save.by)
    if current is None:
        casebook.records.append(stored)
    return Saved(stored, is_change, casebook, len(judgement.soft))


def _refuse_stale(save: _Save, casebook: Casebook, current: Record | None) -> None:
    version = current.version if current else 0
    read_under = casebook.version_for(save.place.form.code, save.place.visit, current)
    if save.base_version != version or save.place.protocol.pk != read_under.pk:
        raise StaleRecord(current)


def _refuse_wrong_verb(current: Record | None, state: str, reason: Text | None) -> None:
    is_complete = current is not None and current.state == State.COMPLETE
    if is_complete and reason is None:
        raise ValidationError(_("This form is complete: change it with a reason."))
    if not is_complete and reason is not None:
        raise ValidationError(_("Only a complete form is amended: save this one as a draft or complete it."))


def _stored(
    save: _Save,
    casebook: Casebook,
    current: Record | None,
    values: Values,
    state: str,
    changed: frozenset[str],
) -> Record:
    now = timezone.now()
    if current is None:
        return Record.objects.create(
            patient=casebook.patient,
            visit=save.place.visit,
            protocol=save.place.protocol,
            form=save.place.form.code,
            repeat=_free_number(casebook, save.place),
            state=state,
            values=values,
            completed_at=now if state == State.COMPLETE else None,
            save_key=save.key,
        )
    if not changed and current.state == state:
        return current
    fresh: dict[str, Any] = {
        "values": values,
        "state": state,
        "version": current.version + 1,
        "save_key": save.key,
        "protocol": save.place.protocol.pk,
        "completed_at": now if state == State.COMPLETE and not current.completed_at else current.completed_at,
    }
    if not WRITTEN.run(to=fresh, where={"pk": current.pk, "version": current.version}):
        raise StaleRecord(Record.objects.filter(pk=current.pk).first())
    current.protocol = save.place.protocol
    del fresh["protocol"]
    for name, value in fresh.items():
        setattr(current, name, value)
    return current


def _free_number(casebook: Casebook, place: FormPlace) -> int:
    """A log row has its number, at most one above the last; at a visit a form struck out keeps its own."""
    if place.visit is None:
        if place.repeat > casebook.following_row(place.form.code):
            raise NotOffered(gettext_noop("The form has no row “%(row)s”."), row=str(place.repeat))
        return place.repeat
    return 1 + max((record.repeat for record in casebook.records if place.holds(record)), default=0)
