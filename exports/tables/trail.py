"""The audit trail as a table: one line per changed field, with its old and new value (P11-02, AUD-02)."""

import json
from collections.abc import Collection, Iterator
from datetime import datetime, tzinfo
from itertools import islice
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_noop

from audit import events
from audit.concealment import NOTHING, concealed_from_reader, revealed_keys, without_entries
from audit.models import AccessEvent, Signature
from audit.stored_text import StoredText, code_of, english
from audit.trail import Concealed, history_model, tracked_columns, tracked_models, trail_of
from audit.trail_reading.sources import hidden_signatures
from exports.selection import EVERYTHING, ChosenRows
from exports.tables.cells import cell, safe_free_text
from exports.tables.columns import StudyTable, TableColumn
from exports.tables.trail_labels import TrailLabels, actor_in_english, event_label
from patients.models import Record
from trials.models import Trial
from trials.permissions import Permission

# Rows read at once: larger chunks cost much more memory.
CHUNK = 500
COLUMNS = (
    TableColumn("at", "", "When (UTC)"),
    TableColumn("site_time", "", "When, on the clock of the site"),
    TableColumn("table", "", "Table"),
    TableColumn("row", "", "Key of the row"),
    TableColumn("sequence", "", "Number of the change in its table", kind="integer"),
    TableColumn("kind", "", "+ created, ~ changed, - deleted, ! access event"),
    TableColumn("patient", "", "Subject code"),
    TableColumn("visit", "", "Visit"),
    TableColumn("form", "", "Form"),
    TableColumn("repeat", "", "Number of the entry of the form", kind="integer"),
    TableColumn("user", "", "User name"),
    TableColumn("full_name", "", "Full name at that time", free_text=True),
    TableColumn("role", "", "Role at that time"),
    TableColumn("reason", "", "Reason", free_text=True),
    TableColumn(
        "reason_code", "", "Code of the reason, when it was chosen from a list or given by the system"
    ),
    TableColumn("origin", "", "Where the change came from"),
    TableColumn("request", "", "Request"),
    TableColumn("session", "", "Session, as a fingerprint"),
    TableColumn("address", "", "Network address"),
    TableColumn("field", "", "Field, or kind of access"),
    TableColumn("label", "", "What the field is called"),
    TableColumn("old", "", "Value before", free_text=True),
    TableColumn("new", "", "Value after", free_text=True),
    TableColumn("old_words", "", "Value before in words, where it is a code"),
    TableColumn("new_words", "", "Value after in words, where it is a code"),
)
ACTOR = (
    "history_user_name",
    "history_full_name",
    "history_role",
    "history_change_reason",
    "history_origin",
    "history_request",
    "history_session",
    "history_address",
)


def trail_table(
    trial: Trial,
    *,
    sees_treatment: bool,
    sees_files: bool = False,
    selection: ChosenRows = EVERYTHING,
    before: int | None = None,
) -> StudyTable:
    """Return the trail of a trial, without identities; history that reveals the arm is only for users who may know it.

    Only users who may read files get the hashes of attached files. Of the selection, its patients and its moment count.
    before: the access event that records this export, which it does not hold.
    """

    def rows() -> Iterator[tuple[Any, ...]]:
        seen = {Permission.SEE_TREATMENT} if sees_treatment else set()
        seen |= {Permission.SEE_FILES} if sees_files else set()
        places = TrailLabels(trial)
        codes = selection.patients
        patients = list(trial.patients.filter(code__in=codes).values_list("pk", flat=True)) if codes else None
        of_histories, of_events = Q(), Q()
        if selection.as_of is not None:
            of_histories, of_events = Q(history_date__lte=selection.as_of), Q(at__lte=selection.as_of)
        if before is not None:
            of_events &= Q(pk__lt=before)
        if patients is not None:
            of_histories, of_events = (
                of_histories & Q(history_patient__in=patients),
                of_events & Q(patient_id__in=patients),
            )
        for model in tracked_models():
            needed = trail_of(model).see
            if not needed or needed in seen:
                yield from _changes(model, trial, places, seen, of_histories)
        yield from _events(trial, places, seen, of_events)

    escaped = tuple(column.name for column in COLUMNS if column.free_text)
    return StudyTable("audit_trail", gettext_noop("Audit trail"), COLUMNS, rows, escaped)


def _changes(
    model: type[models.Model], trial: Trial, places: TrailLabels, seen: Collection[str], chosen: Q
) -> Iterator[tuple[Any, ...]]:
    """Yield one line per changed field, row by row in the order of its history."""
    fields = [column.attname for column in tracked_columns(model)]
    key = model._meta.pk.attname
    history = history_model(model)._default_manager.filter(chosen, history_trial=trial.pk)
    history = history.order_by(key, "history_id")
    concealed = trail_of(model).concealed
    revealed = revealed_keys(model) if concealed and concealed.until else ()
    if model is Signature:
        history = history.exclude(target_type__in=hidden_signatures(seen))
    names = ("history_date", key, "history_id", "history_type", "history_patient", *ACTOR)
    zone = trial.zone
    previous_key, before, concealed_now = None, dict[str, Any](), NOTHING
    labels = dict[str, str]()
    rows = history.values_list(*names, *fields).iterator(chunk_size=CHUNK)
    for row in (
        _with_places(rows, len(names) + fields.index("record_id"), places) if "record_id" in fields else rows
    ):
        at, own_key, number, kind, patient = row[:5]
        if own_key != previous_key:
            previous_key, before = own_key, {}
            concealed_now = concealed_from_reader(model, own_key, may=seen, revealed=revealed)
        columns = dict(zip(fields, row[len(names) :], strict=True))
        after = flat(columns)
        user, full_name, role, reason, *traced = row[5 : len(names)]
        where = places.where(model, columns, patient)
        head = (cell(at), site_time(at, zone), model._meta.label_lower, own_key, number, kind, *where)
        who = (
            user,
            safe_free_text(actor_in_english(full_name)),
            role,
            safe_free_text(reason or ""),
            code_of(reason),
            *traced,
        )
        for name, old, new in differences(before, {} if kind == "-" else after):
            shown = [_shown(name, value, concealed_now) for value in (old, new)]
            words = [
                places.decoded(model, columns, name, value)
                if value and name not in concealed_now.columns
                else ""
                for value in (old, new)
            ]
            label = labels.get(name)
            if label is None:
                label = places.label(model, columns, name)
                # The label of an item depends on the form and the version of its row.
                if model is not Record:
                    labels[name] = label
            yield (*head, *who, name, label, *shown, *words)
        before = after


def _with_places(rows: Iterator[Any], at: int, places: TrailLabels) -> Iterator[Any]:
    """Yield the rows in chunks, after reading the records that the chunk belongs to. One query per chunk."""
    while part := list(islice(rows, CHUNK)):
        places.expect(row[at] for row in part)
        yield from part


def site_time(at: datetime, zone: tzinfo) -> str:
    """Return an instant in the site's time zone with its UTC offset."""
    return at.astimezone(zone).isoformat(timespec="microseconds")


def _shown(name: str, value: Any, concealed: Concealed) -> str:
    """Return a value as text, or the text that replaces a concealed value."""
    if value is None:
        return ""
    text = _text(without_entries(value, concealed.parts) if concealed.parts else value)
    return safe_free_text(concealed.words if text and name in concealed.columns else text)


def flat(columns: dict[str, Any]) -> dict[str, Any]:
    """Return columns by name. A JSON object becomes one entry per item, such as `values.sbp`."""
    found: dict[str, Any] = {}
    for name, value in columns.items():
        if isinstance(value, dict):
            found |= {f"{name}.{item}": inner for item, inner in value.items()}
        else:
            found[name] = value
    return found


def differences(before: dict[str, Any], after: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Yield (field, old, new) of the values whose texts differ, in column order."""
    for name in {**before, **after}:
        old, new = before.get(name), after.get(name)
        if old is not new and _text(old) != _text(new):
            yield name, old, new


def _text(value: Any) -> str:
    # Nearly all values, in millions of lines.
    if value is None:
        return ""
    if type(value) is str:
        return value
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    if isinstance(value, StoredText):
        return value.stored
    return str(cell(value))


def _events(trial: Trial, places: TrailLabels, seen: Collection[str], chosen: Q) -> Iterator[tuple[Any, ...]]:
    rows = AccessEvent.objects.filter(chosen, trial_id=trial.pk).order_by("pk")
    if Permission.SEE_TREATMENT not in seen:
        rows = rows.filter(see="")
    zone = trial.zone
    for event in rows.iterator(chunk_size=2000):
        times = cell(event.at), site_time(event.at, zone)
        head = (*times, "access", event.pk, event.pk, "!", places.subject(event.patient_id), "", "", "")
        who = (
            event.user_name,
            safe_free_text(actor_in_english(event.full_name)),
            event.role,
            "",
            "",
            event.origin,
            event.request,
            event.session,
            event.address,
        )
        detail = safe_free_text(
            _text({key: english(value) for key, value in events.visible_detail(event, may=seen).items()})
        )
        yield (*head, *who, event.kind, event_label(event.kind), "", detail, "", "")
