"""Mask personal data that was typed in free text: one person asks, another one decides (AUD-12, PRV-02).

The text goes from the row and from its whole history. Its characters are destroyed; the hash of each sealed row is
kept, so the seals still verify. The trail tells who asked, who decided, why and when.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection, models, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.context import because
from audit.models import MaskedCell, Redaction, SealedPart
from audit.redactions import text_copies
from audit.redactions.masked_text import MASK
from audit.redactions.text_copies import Mask
from audit.sealing import seals
from audit.sealing.sealed_rows import SealedTable, leaf_with, sealed_rows
from audit.stored_text import system_text, written
from audit.trail import history_model, label_of, model_labelled, tracked_models, trail_of
from audit.trail_index import masked
from audit.triggers.masking import REASON, maskable

ITEM = "."


@dataclass(frozen=True)
class FreeText:
    """One text of an entry of the trail in which a person may have typed a name: where, what it is called, and it.

    see: the right of those who may read it; empty for all who read the entry. pieces: the texts of the cells, if it is
    a table, of which `text` is put together.
    """

    column: str
    item: str
    label: str
    text: str
    see: str = ""
    pieces: tuple[str, ...] = ()

    def holds(self, wanted: str) -> bool:
        """Return True if the text, or one cell of a table, holds the characters."""
        return any(wanted in each for each in self.pieces or (self.text,))

    @property
    def place(self) -> str:
        """The place as a form sends it."""
        return f"{self.column}{ITEM}{self.item}"


def holds_free_text(model: type[models.Model]) -> bool:
    """Return whether texts of this table may be masked: what is written about patients and can be locked."""
    return trail_of(model).locks is not None


def free_texts(model: type[models.Model], row: Any) -> list[FreeText]:
    """Return the texts of an entry (a row of a history) in which something can be masked, the reason last."""
    found = []
    history = history_model(model)
    for column in maskable(history):
        field: Any = next(each for each in history._meta.concrete_fields if each.column == column)
        raw = getattr(row, field.attname)
        if column == trail_of(model).items and isinstance(raw, dict):
            found += [_of_item(column, name, value) for name, value in raw.items()]
        elif column != REASON and raw and not isinstance(raw, dict | list):
            found.append(FreeText(column, "", label_of(model, field), _typed(raw), _right(model, field)))
    if row.history_change_reason:
        found.append(FreeText(REASON, "", _("Reason"), _typed(row.history_change_reason)))
    return [each for each in found if each.text.strip(MASK + " ")]


def _of_item(column: str, name: str, value: Any) -> FreeText:
    """Return the text of an item; of a table that of its cells, each on a line."""
    if isinstance(value, str):
        return FreeText(column, name, name, value)
    pieces = tuple(_strings(value))
    return FreeText(column, name, name, "\n".join(pieces), pieces=pieces)


def _strings(value: Any) -> Iterator[str]:
    """Yield the texts inside a value of JSON."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _strings(each)


def _right(model: type[models.Model], field: Any) -> str:
    """Return the right that a column needs besides that of its row."""
    concealed = trail_of(model).concealed
    return concealed.may if concealed is not None and field.name in concealed.columns else ""


def _typed(text: Any) -> str:
    """Return the part of a stored text that a person typed."""
    return text if isinstance(text, str) else str(text.typed)


@transaction.atomic
def ask_redaction(
    *, trial_id: int, model: type[models.Model], row: int, place: str, text: str, reason: str, by: Any
) -> Redaction:
    """Ask that a text of an entry be masked, in its row and its history. Only where it stands is stored, not the text.

    Raises ValidationError if the entry is not of this trial, does not hold the text there, or has been asked about.
    """
    entry: Any = history_model(model)._base_manager.filter(history_id=row, history_trial=trial_id).first()
    if entry is None:
        raise ValidationError(_("This entry of the trail does not belong to this trial."))
    found = {each.place: each for each in free_texts(model, entry)}.get(place)
    wanted = text.strip()
    if found is None:
        raise ValidationError({"place": _("Choose the text that holds personal data.")})
    if not wanted or not found.holds(wanted):
        refusal = _("The chosen text does not hold these characters. Type them as they stand there.")
        raise ValidationError({"text": refusal})
    if not reason.strip():
        raise ValidationError({"reason": _("Say why the text has to be masked, without repeating it.")})
    if wanted.casefold() in reason.casefold():
        raise ValidationError({"reason": _("Do not repeat in the reason what is to be masked.")})
    place_of = {"table": model._meta.label_lower, "row": row, "column": found.column, "item": found.item}
    start = found.text.index(wanted)
    waiting = Redaction.objects.filter(
        **place_of, start=start, length=len(wanted), state=Redaction.State.ASKED
    )
    if waiting.exists():
        raise ValidationError(_("Somebody has asked for this already; another person decides."))
    return Redaction.objects.create(
        trial_id=trial_id,
        patient_id=entry.history_patient,
        key=getattr(entry, model._meta.pk.attname),
        start=start,
        length=len(wanted),
        reason=reason.strip(),
        see=found.see or trail_of(model).see,
        asked_by=by.pk,
        asked_by_name=by.get_full_name(),
        asked_at=timezone.now(),
        **place_of,
    )


def text_of(redaction: Redaction) -> str:
    """Return the characters that a redaction is about; the mask once they are masked."""
    if redaction.state == Redaction.State.CONFIRMED:
        return MASK
    model = model_labelled(redaction.table)
    entry = history_model(model)._base_manager.get(history_id=redaction.row) if model else None
    texts = free_texts(model, entry) if model else []
    here = next((t.text for t in texts if (t.column, t.item) == (redaction.column, redaction.item)), "")
    return here[redaction.start : redaction.start + redaction.length]


@transaction.atomic
def refuse_redaction(*, redaction: Redaction, reason: str, by: Any) -> None:
    """Leave the text as it is. Raises ValidationError without a reason, or if it was decided, or asked by the same."""
    row = _waiting(redaction, by)
    if not reason.strip():
        raise ValidationError({"refusal": _("Say why the text stays.")})
    row.refusal = reason.strip()
    _decide(row, Redaction.State.REFUSED, by)


@transaction.atomic
def confirm_redaction(*, redaction: Redaction, by: Any) -> int:
    """Mask the text wherever the row, its history and copies of the patient hold it; return in how many places.

    Raises ValidationError if the redaction was decided already, or for the person who asked.
    """
    # What is masked must be sealed as it was: the hash then stands for the text.
    seals.seal(reason="redaction")
    row = _waiting(redaction, by)
    text, model = text_of(row), model_labelled(row.table)
    if model is None or not text or MASK in text:
        raise ValidationError(_("The text is masked already."))
    own = list(_cells(row, model, text))
    copied, mask = _copies(row, text, own)
    cells = [*own, *copied]
    row.places = len(cells)
    if mask is not None and row.patient_id is not None:
        row.places += text_copies.mask_drafts(row.trial_id, row.patient_id, mask)
    _decide(row, Redaction.State.CONFIRMED, by)
    owners = {(model, row.key), *((_live_model(cell), cell.key) for cell in copied)}
    before = masked.entries({(cell.table, cell.row) for cell in cells if not cell.live}, owners)
    _store(row, cells)
    with because(system_text("audit.masked", name=row.asked_by_name)):
        for cell in cells:
            _write(cell)
    masked.index_again(before)
    return int(row.places)


def _waiting(redaction: Redaction, by: Any) -> Redaction:
    row = Redaction.objects.select_for_update().get(pk=redaction.pk)
    if row.state != Redaction.State.ASKED:
        raise ValidationError(_("Somebody has decided on this already."))
    if row.asked_by == by.pk:
        raise ValidationError(_("You asked for it: another person decides."))
    return row


def _decide(row: Redaction, state: str, by: Any) -> None:
    row.state, row.decided_by, row.decided_by_name = state, by.pk, by.get_full_name()
    row.decided_at = timezone.now()
    row.save()


@dataclass(frozen=True)
class _Cell:
    model: type[models.Model]
    row: int
    column: str
    masked: str
    key: int

    @property
    def table(self) -> str:
        return self.model._meta.db_table

    @property
    def live(self) -> bool:
        return self.model in tracked_models()


def _live_model(cell: _Cell) -> type[models.Model]:
    """Return the audited model of a cell of its table or of its history."""
    return next(each for each in tracked_models() if cell.model in (each, history_model(each)))


def _copies(row: Redaction, text: str, own: list[_Cell]) -> tuple[list[_Cell], Mask | None]:
    """Return the copies of the text elsewhere, and the mask for drafts; none for a short text or without a patient."""
    mask = text_copies.mask_of(text)
    if mask is None or row.patient_id is None:
        return [], None
    known = {(cell.table, cell.row, cell.column) for cell in own}
    found = (_Cell(*copy) for copy in text_copies.copies(row.patient_id, mask))
    return [cell for cell in found if (cell.table, cell.row, cell.column) not in known], mask


def _cells(row: Redaction, model: type[models.Model], text: str) -> Iterator[_Cell]:
    """Yield the columns that hold the text: of the row and its history, or of all that was written for the reason."""
    past, own = history_model(model), Q(**{model._meta.pk.attname: row.key})
    if row.column != REASON:
        yield from _found(model, row, Q(pk=row.key), text)
        yield from _found(past, row, own, text)
        return
    # One reason is stored with every row that the same step wrote.
    request = past._base_manager.values_list("history_request", flat=True).get(history_id=row.row)
    same = Q(history_trial=row.trial_id, history_request=request) if request else Q(pk=None)
    for each in tracked_models():
        yield from _found(history_model(each), row, same | own if each is model else same, text)


def _found(model: type[models.Model], row: Redaction, where: Q, text: str) -> Iterator[_Cell]:
    field: Any = next(each for each in model._meta.concrete_fields if each.column == row.column)
    item = row.item
    rows = model._base_manager.filter(where).order_by("pk")
    for number, value in rows.values_list("pk", field.attname):
        stored = _masked(value, item, text)
        if stored is not None:
            yield _Cell(model, number, row.column, stored, row.key)


def _masked(value: Any, item: str, text: str) -> str | None:
    """Return the text of a column with the mask in place of the characters; None if it does not hold them."""
    if item:
        held = value.get(item) if isinstance(value, dict) else None
        if not any(text in each for each in _strings(held)):
            return None
        return json.dumps({**value, item: _with_mask(held, text)})
    if value is None:
        return None
    stored = written(value)
    for each in {text, json.dumps(text, ensure_ascii=False)[1:-1]}:
        stored = stored.replace(each, MASK)
    return stored if stored != written(value) else None


def _with_mask(value: Any, text: str) -> Any:
    """Return a value of JSON with the mask in all its texts; keys stay."""
    if isinstance(value, str):
        return value.replace(text, MASK)
    if isinstance(value, list):
        return [_with_mask(each, text) for each in value]
    return {key: _with_mask(each, text) for key, each in value.items()} if isinstance(value, dict) else value


def _store(redaction: Redaction, cells: list[_Cell]) -> None:
    """Store what each cell will hold, with the hashes of its row: the triggers let nothing else through."""
    changed: dict[tuple[str, int], dict[str, str]] = defaultdict(dict)
    for cell in cells:
        changed[cell.table, cell.row][cell.column] = cell.masked
    hashes = {place: _hashes(*place, texts) for place, texts in changed.items()}
    now = timezone.now()
    MaskedCell.objects.bulk_create(
        MaskedCell(
            redaction=redaction, at=now, table=cell.table, row=cell.row, column=cell.column, masked=cell.masked,
            leaf=hashes[cell.table, cell.row][0], masked_leaf=hashes[cell.table, cell.row][1],
        )
        for cell in cells
    )  # fmt: skip


def _hashes(table: str, row: int, changed: dict[str, str]) -> tuple[str, str]:
    """Return the leaf of a row of a history as it is and as it will be; two empty texts for any other row."""
    found = next(
        (each for each in map(history_model, tracked_models()) if each._meta.db_table == table), None
    )
    if found is None:
        return "", ""
    sealed = SealedTable(found)
    parts = SealedPart.objects.filter(table=table, first_id__lte=row, last_id__gte=row)
    part = parts.values_list("columns", flat=True).get()
    ((_key, leaf),) = sealed_rows(sealed, part, after=row - 1, until=row)
    return leaf.hex(), leaf_with(sealed, part, row, changed).hex()


def _write(cell: _Cell) -> None:
    """Write the mask. On PostgreSQL a trigger has masked the histories when the cells were stored."""
    if not cell.live and connection.vendor == "postgresql":
        return
    key = cell.model._meta.pk.column
    with connection.cursor() as cursor:
        cursor.execute(
            f'UPDATE "{cell.table}" SET "{cell.column}" = %s WHERE "{key}" = %s', [cell.masked, cell.row]
        )
