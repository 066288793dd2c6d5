"""The audit trail as a table: one line per changed field, with its old and new value (P11-02, AUD-02)."""

from collections.abc import Collection, Iterator
from datetime import datetime, tzinfo
from functools import lru_cache
from itertools import compress, islice
from typing import Any

from django.db import connection, models
from django.db.models import Q
from django.utils.translation import gettext_noop

from audit import events
from audit.concealment import NOTHING, concealed_from_reader, revealed_keys
from audit.models import AccessEvent, Signature
from audit.stored_text import code_of, english
from audit.trail import history_model, tracked_columns, tracked_models, trail_of
from audit.trail_reading.sources import hidden_signatures
from exports.selection import EVERYTHING, ChosenRows
from exports.tables.cell_sql import Instant, YesNo
from exports.tables.cells import FixedEnd, Group, GroupedRows, cell, safe_free_text
from exports.tables.columns import StudyTable, TableColumn
from exports.tables.trail.labels import TrailLabels, actor_in_english, event_label
from exports.tables.trail.line_ends import LineEnds, plain_text
from trials.models import Trial
from trials.permissions import Permission

# Rows read at once: larger chunks cost much more memory.
CHUNK = 250
# Places in an instant: after the minute, and after the microseconds.
MINUTE, END_OF_SECONDS = len("2026-03-01T09:30"), len("2026-03-01T09:30:00.000000")
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
    previous_key, before, concealed_now = None, None, NOTHING
    ends, where = LineEnds(model, places, fields), places.of_rows(model, fields)
    rows = history.values_list(*read).iterator(chunk_size=CHUNK)
    for row in (
        _with_places(rows, first + fields.index("record_id"), places) if "record_id" in fields else rows
    ):
        at, own_key, number, kind, patient, user, full_name, role, reason, *traced = row[:first]
        if own_key != previous_key:
            previous_key, before = own_key, None
            concealed_now = concealed_from_reader(model, own_key, may=seen, revealed=revealed)
        values = row[first:]
        if before is not None:
            changed = ends.of_change(before, values, concealed_now, deleted=kind == "-")
        else:
            changed = ends.of_new(values, concealed_now) if kind != "-" else []
        if changed:
            head = (
                at,
                site_text(at, zone),
                table,
                own_key,
                number,
                kind,
                *where(values, patient),
                user,
                safe_free_text(actor_in_english(full_name)),
                role,
                safe_free_text(reason or ""),
                code_of(reason),
                *traced,
            )
            yield head, changed
        before = values


def _as_text(column: "models.Field[Any, Any]", name: str) -> "list[str | Instant | YesNo]":
    if isinstance(column, models.DateTimeField):
        return [Instant(name)]
    return [YesNo(name) if isinstance(column, models.BooleanField) else name]


def _with_places(rows: Iterator[Any], at: int, places: TrailLabels) -> Iterator[Any]:
    """Yield the rows in chunks, after reading the records that the chunk belongs to. One query per chunk."""
    while part := list(islice(rows, CHUNK)):
        places.expect(row[at] for row in part)
        yield from part


def site_time(at: datetime, zone: tzinfo) -> str:
    """Return an instant in the site's time zone with its UTC offset."""
    return at.astimezone(zone).isoformat(timespec="microseconds")


# Neighbouring rows were written within one minute.
@lru_cache(maxsize=1024)
def _site_minute(minute: str, zone: tzinfo) -> tuple[str, str]:
    """Return the minute at the site, and the UTC offset in it. minute: `2026-03-01T09:30` in UTC."""
    text = site_time(datetime.fromisoformat(minute + "Z"), zone)
    return text[:MINUTE], text[END_OF_SECONDS:]


def site_text(at: str, zone: tzinfo) -> str:
    """Return an instant (as `Instant` writes it) in the site's time zone with its UTC offset."""
    minute, offset = _site_minute(at[:MINUTE], zone)
    return f"{minute}{at[MINUTE:END_OF_SECONDS]}{offset}"


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
            plain_text({key: english(value) for key, value in events.visible_detail(event, may=seen).items()})
        )
        yield (*head, *who), [FixedEnd((event.kind, event_label(event.kind), "", detail, "", ""))]
