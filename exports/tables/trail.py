"""The audit trail as a table: one line per changed field, with its old and new value (P11-02, AUD-02)."""

import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import datetime, tzinfo
from itertools import compress, islice
from typing import Any

from django.db import connection, models
from django.db.models import Q
from django.utils.translation import gettext_noop

from audit import events
from audit.concealment import NOTHING, concealed_from_reader, revealed_keys, without_entries
from audit.models import AccessEvent, Signature
from audit.stored_text import CODED, StoredText, code_of, english
from audit.trail import Concealed, history_model, tracked_columns, tracked_models, trail_of
from audit.trail_reading.sources import hidden_signatures
from exports.selection import EVERYTHING, ChosenRows
from exports.tables.cell_sql import Instant, YesNo
from exports.tables.cells import MARKED, Group, GroupedRows, Repeated, cell, safe_free_text
from exports.tables.columns import StudyTable, TableColumn
from exports.tables.trail_labels import TrailLabels, actor_in_english, event_label
from patients.models import Record
from trials.models import Trial
from trials.permissions import Permission

# Rows read at once: larger chunks cost much more memory.
CHUNK = 250
# Of the ends of lines that are kept: of one field, of one table, and characters of each.
MOST_OF_FIELD, MOST_KEPT, LONGEST_KEPT = 200, 8192, 300
# Not booleans and decimals, which may be equal to a number and have another text.
PLAIN = frozenset({str, int, type(None)})
# The first character of a text that is not written as it is, or may be a sentence of the system.
UNUSUAL = frozenset({*MARKED, *(each[0] for each in CODED)})
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

    def groups() -> Iterator[Group]:
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
        for model in _with_history(trial):
            needed = trail_of(model).see
            if not needed or needed in seen:
                yield from _changes(model, trial, places, seen, of_histories)
        yield from _events(trial, places, seen, of_events)

    escaped = tuple(column.name for column in COLUMNS if column.free_text)
    return StudyTable(
        "audit_trail", gettext_noop("Audit trail"), COLUMNS, lambda: GroupedRows(groups()), escaped
    )


def _with_history(trial: Trial) -> "list[type[models.Model]]":
    """Return the models whose history has rows of the trial. One query: few trials use all tables."""
    found = tracked_models()
    each = [
        f'EXISTS(SELECT 1 FROM "{history_model(model)._meta.db_table}" WHERE "history_trial" = %s)'  # noqa: S608  our own tables
        for model in found
    ]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(each)}", [trial.pk] * len(each))
        return list(compress(found, cursor.fetchone()))


def _changes(
    model: type[models.Model], trial: Trial, places: TrailLabels, seen: Collection[str], chosen: Q
) -> Iterator[Group]:
    """Yield the lines of each row, one per changed field, row by row in the order of the history."""
    tracked = tracked_columns(model)
    fields = [column.attname for column in tracked]
    objects = [column.attname for column in tracked if isinstance(column, models.JSONField)]
    key = model._meta.pk.attname
    history = history_model(model)._default_manager.filter(chosen, history_trial=trial.pk)
    history = history.order_by(key, "history_id")
    concealed = trail_of(model).concealed
    revealed = revealed_keys(model) if concealed and concealed.until else ()
    if model is Signature:
        history = history.exclude(target_type__in=hidden_signatures(seen))
    names = ("history_date", key, "history_id", "history_type", "history_patient", *ACTOR)
    first = len(names)
    # As text, which the trail shows: Python would need longer to read an instant and to write it again.
    read = [*_as_text(models.DateTimeField(), "history_date"), *names[1:]]
    for column in tracked:
        read += _as_text(column, column.attname)
    zone, table = trial.zone, model._meta.label_lower
    previous_key, before, concealed_now = None, dict[str, Any](), NOTHING
    ends = _LineEnds(model, places)
    rows = history.values_list(*read).iterator(chunk_size=CHUNK)
    for row in (
        _with_places(rows, first + fields.index("record_id"), places) if "record_id" in fields else rows
    ):
        at, own_key, number, kind, patient, user, full_name, role, reason, *traced = row[:first]
        if own_key != previous_key:
            previous_key, before = own_key, {}
            concealed_now = concealed_from_reader(model, own_key, may=seen, revealed=revealed)
        columns = dict(zip(fields, row[first:], strict=True))
        after = flat(columns) if objects else columns
        if changed := ends.of(before, {} if kind == "-" else after, columns, concealed_now):
            head = (
                at,
                site_time(datetime.fromisoformat(at), zone),
                table,
                own_key,
                number,
                kind,
                *places.where(model, columns, patient),
                user,
                safe_free_text(actor_in_english(full_name)),
                role,
                safe_free_text(reason or ""),
                code_of(reason),
                *traced,
            )
            yield head, changed
        before = after


def _as_text(column: "models.Field[Any, Any]", name: str) -> "list[str | Instant | YesNo]":
    if isinstance(column, models.DateTimeField):
        return [Instant(name)]
    return [YesNo(name) if isinstance(column, models.BooleanField) else name]


@dataclass(slots=True)
class _FieldLines:
    """What the lines of one field have in common.

    kept: the ends of its lines by (old, new); None once there were too many different ones to keep any.
    plain: no text in it is a code, so that it has no words, and none is concealed.
    """

    name: str
    label: str
    plain: bool
    kept: dict[tuple[Any, Any], Repeated] | None = dataclass_field(default_factory=dict)


class _LineEnds:
    """Makes the last cells of the lines of one table: field, label, old and new value, as text and in words.

    Most fields have few different values: codes, states, names of people. The ends of their lines are kept.
    """

    def __init__(self, model: type[models.Model], places: TrailLabels) -> None:
        self._model, self._places = model, places
        self._known: dict[Any, dict[str, _FieldLines]] = {}
        self._number = 0

    def of(
        self, before: dict[str, Any], after: dict[str, Any], columns: dict[str, Any], concealed: Concealed
    ) -> list[tuple[str, ...]]:
        """Return the end of the line of each changed field. columns: of the row."""
        # All that the cells depend on besides the values: label and words of an item, and what is concealed.
        context = (columns["protocol_id"], columns["form"], concealed) if self._model is Record else concealed
        known = self._known.get(context)
        if known is None:
            known = self._known[context] = {}
        ends: list[tuple[str, ...]] = []
        for name, old, new in differences(before, after):
            field = known.get(name)
            if field is None:
                field = known[name] = self._field(name, columns, concealed)
            kept = field.kept
            if type(new) not in PLAIN or type(old) not in PLAIN:
                ends.append(self._end(field, old, new, columns, concealed))
            elif kept is not None:
                end = kept.get((old, new))
                ends.append(self._keep(field, old, new, columns, concealed) if end is None else end)
            elif field.plain and old is None and (text := str(new))[:1] not in UNUSUAL:
                ends.append((name, field.label, "", text, "", ""))
            else:
                ends.append(self._end(field, old, new, columns, concealed))
        return ends

    def _field(self, name: str, columns: dict[str, Any], concealed: Concealed) -> _FieldLines:
        places, model = self._places, self._model
        plain = name not in concealed.columns and not places.may_be_coded(model, columns, name)
        return _FieldLines(name, places.label(model, columns, name), plain)

    def _keep(
        self, field: _FieldLines, old: Any, new: Any, columns: dict[str, Any], concealed: Concealed
    ) -> tuple[str, ...]:
        end = self._end(field, old, new, columns, concealed)
        kept = field.kept
        if kept is None or sum(map(len, end)) > LONGEST_KEPT:
            return end
        if len(kept) >= MOST_OF_FIELD:
            field.kept = None
            return end
        if self._number >= MOST_KEPT:
            self._forget()
        self._number += 1
        kept[old, new] = known = Repeated(end)
        return known

    def _forget(self) -> None:
        """Forget what is kept, but not which fields have too many values."""
        self._number = 0
        for fields in self._known.values():
            for field in fields.values():
                if field.kept is not None:
                    field.kept.clear()

    def _end(
        self, field: _FieldLines, old: Any, new: Any, columns: dict[str, Any], concealed: Concealed
    ) -> tuple[str, ...]:
        was, was_words = self._cells(field, old, columns, concealed)
        now, now_words = self._cells(field, new, columns, concealed)
        return field.name, field.label, was, now, was_words, now_words

    def _cells(
        self, field: _FieldLines, value: Any, columns: dict[str, Any], concealed: Concealed
    ) -> tuple[str, str]:
        """Return a value as text and in words."""
        if value is None:
            return "", ""
        if field.name in concealed.columns or not value:
            return _shown(field.name, value, concealed), ""
        words = self._places.decoded(self._model, columns, field.name, value)
        return _shown(field.name, value, concealed), words


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


def differences(before: dict[str, Any], after: dict[str, Any]) -> Iterable[tuple[str, Any, Any]]:
    """Return (field, old, new) of the values whose texts differ, in column order."""
    if not before:
        # A new row: most of the trail.
        return [(name, None, new) for name, new in after.items() if new is not None and new != ""]
    pairs = ((name, before.get(name), after.get(name)) for name in {**before, **after})
    return ((name, old, new) for name, old, new in pairs if old is not new and _text(old) != _text(new))


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


def _events(trial: Trial, places: TrailLabels, seen: Collection[str], chosen: Q) -> Iterator[Group]:
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
        yield (*head, *who), [(event.kind, event_label(event.kind), "", detail, "", "")]
