"""Laboratories and their reference ranges: added, ended, or corrected with a reason (LAB-03)."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from audit.compiled_queries import CompiledQuery
from audit.context import because
from audit.stored_text import system_text
from protocol.document.document import Protocol
from protocol.document.items import Item
from protocol.values.reference_ranges import Range, RangeBook, day_before, laboratory_items
from trials.models import Laboratory, ReferenceRange, Trial
from trials.reader import shown_day

IN_FORCE = ReferenceRange.objects.filter(in_error_reason="").select_related("laboratory")
OF_FORM: CompiledQuery[ReferenceRange] = CompiledQuery(
    lambda trial, form: IN_FORCE.filter(laboratory__trial=trial, form=form).order_by("pk"),
    trial=int,
    form=str,
)
OF_TRIAL: CompiledQuery[ReferenceRange] = CompiledQuery(
    lambda trial: IN_FORCE.filter(laboratory__trial=trial).order_by("pk"), trial=int
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeFacts:
    """The values of a range; names are those of `ReferenceRange`."""

    form: str
    item: str
    unit: str
    effective_from: date
    effective_to: date | None = None
    sex: str = ""
    age_from: int = 0
    age_to: int | None = None
    lower: Decimal | None = None
    upper: Decimal | None = None
    source: str = ""


def book_of(trial: Trial, form: str = "") -> RangeBook:
    """Return the valid ranges of a trial, or of one form. One query."""
    rows = OF_FORM.rows(trial=trial.pk, form=form) if form else OF_TRIAL.rows(trial=trial.pk)
    default = next((row.laboratory.code for row in rows if row.laboratory.is_default), "")
    return RangeBook.of([range_of(row) for row in rows], default)


def range_of(row: ReferenceRange) -> Range:
    """Return a stored range as a value. Reads row.laboratory: may cost a query."""
    return Range(
        laboratory=row.laboratory.code,
        path=row.path,
        unit=row.unit,
        lower=_plain(row.lower),
        upper=_plain(row.upper),
        effective_from=row.effective_from,
        effective_to=row.effective_to,
        sex=row.sex,
        age_from=row.age_from,
        age_to=row.age_to,
    )


def _plain(bound: Decimal | None) -> Decimal | None:
    """Return a bound without the zeros that the column adds: `150`, not `150.000000` or `1.5E+2`."""
    return None if bound is None else Decimal(f"{bound.normalize():f}")


def items_with_ranges(rules: Protocol) -> dict[str, Item]:
    """Return by path the items for which a laboratory gives ranges, in the order of the protocol."""
    return {
        f"{form.code}.{item.name}": item for form in rules.forms.values() for item in laboratory_items(form)
    }


@transaction.atomic
def add_laboratory(*, trial: Trial, code: str, name: str, by: User | None) -> Laboratory:
    """Store a laboratory; the first of a trial is the default one. Raises ValidationError for a code in use."""
    Trial.objects.for_update(trial.pk)
    # Read under the lock on the trial: only one of two concurrent first laboratories becomes the default.
    known = Laboratory.objects.filter(trial=trial)
    if known.filter(code=code).exists():
        raise ValidationError({"code": _("Another laboratory of this trial has this code.")})
    return Laboratory.objects.create(trial=trial, code=code, name=name, is_default=not known.exists())


@transaction.atomic
def change_laboratory(
    *, laboratory: Laboratory, name: str, is_default: bool, reason: str, by: User
) -> Laboratory:
    """Rename a laboratory, or make it the default one in place of another.

    Raises ValidationError if the default laboratory would lose its place without a successor.
    """
    Trial.objects.for_update(laboratory.trial_id)
    row = Laboratory.objects.select_for_update().get(pk=laboratory.pk)
    if row.is_default and not is_default:
        raise ValidationError(
            {"is_default": _("One laboratory is always the default: make another one the default instead.")}
        )
    with because(reason):
        if is_default and not row.is_default:
            Laboratory.objects.filter(trial_id=row.trial_id, is_default=True).update(is_default=False)
        row.name, row.is_default = name, is_default
        row.save(update_fields=["name", "is_default"])
    return row


@transaction.atomic
def add_range(*, laboratory: Laboratory, facts: RangeFacts, by: User | None) -> ReferenceRange:
    """Store a range. An open range of the same kind ends the day before; any other overlap is refused.

    Raises ValidationError naming the field.
    """
    return add_ranges(laboratory=laboratory, several=[facts], by=by)[0]


class RangeRefused(ValidationError):
    """The range at index `place` cannot be stored; the errors are by field."""

    def __init__(self, place: int, refusal: ValidationError) -> None:
        super().__init__(refusal.error_dict)
        self.place = place


@transaction.atomic
def add_ranges(
    *, laboratory: Laboratory, several: Iterable[RangeFacts], by: User | None
) -> list[ReferenceRange]:
    """Store ranges, all or none. Raises RangeRefused for the first that is invalid."""
    locked = _held_laboratory(laboratory)
    known: dict[str, list[ReferenceRange]] = {}
    for row in locked.ranges.filter(in_error_reason="").select_related("laboratory"):
        known.setdefault(row.path, []).append(row)
    items = items_with_ranges(locked.trial.rules)
    made, ended = list[ReferenceRange](), list[ReferenceRange]()
    for place, facts in enumerate(several):
        row = ReferenceRange(laboratory=locked, entered_by=by, **asdict(facts))
        try:
            _check(facts, items)
            ended += _make_room(row, known.setdefault(row.path, []))
        except ValidationError as refusal:
            raise RangeRefused(place, refusal) from refusal
        known[row.path].append(row)
        made.append(row)
    with because(system_text("trials.range_follows")):
        for row in ended:
            # A range that another line of the same file ends is not stored yet: bulk_create stores it below.
            if row.pk is not None:
                row.save(update_fields=["effective_to"])
    return ReferenceRange.objects.bulk_create(made)


@transaction.atomic
def end_range(*, row: ReferenceRange, effective_to: date, reason: str, by: User) -> ReferenceRange:
    """Set the last day of a range. Raises ValidationError."""
    locked = _locked(row)
    if effective_to < locked.effective_from:
        raise ValidationError({"effective_to": _("The last day must not be before the first day.")})
    _refuse_overlap(replace(range_of(locked), effective_to=effective_to), _others(locked), "effective_to")
    locked.effective_to = effective_to
    with because(reason):
        locked.save(update_fields=["effective_to"])
    return locked


@transaction.atomic
def correct_range(*, row: ReferenceRange, facts: RangeFacts, reason: str, by: User) -> ReferenceRange:
    """Correct a range entered wrongly, with a reason; the trail keeps the old values. Raises ValidationError."""
    if not reason.strip():
        raise ValidationError({"reason": _("Say why this range is corrected.")})
    locked = _locked(row)
    _check(facts, items_with_ranges(locked.laboratory.trial.rules))
    for name, value in asdict(facts).items():
        setattr(locked, name, value)
    _refuse_overlap(range_of(locked), _others(locked), "effective_from")
    with because(reason.strip()):
        locked.save(update_fields=list(asdict(facts)))
    return locked


@transaction.atomic
def strike_out_range(*, row: ReferenceRange, reason: str, by: User) -> ReferenceRange:
    """Mark a range as entered in error: it no longer applies to any value and stays visible."""
    if not reason.strip():
        raise ValidationError({"reason": _("Say why this range was entered in error.")})
    locked = _locked(row)
    locked.in_error_reason = reason.strip()
    with because(reason.strip()):
        locked.save(update_fields=["in_error_reason"])
    return locked


def _held_laboratory(laboratory: Laboratory) -> Laboratory:
    """Return the laboratory as stored now, locked with its trial, so that two users cannot let ranges overlap."""
    # The trial too: while it is being locked (database lock), nobody adds or changes a range.
    Trial.objects.for_update(laboratory.trial_id)
    Laboratory.objects.select_for_update().get(pk=laboratory.pk)
    # Read after the locks: whoever had them may have put another protocol version in force.
    return Laboratory.objects.select_related("trial__protocol").get(pk=laboratory.pk)


def _locked(row: ReferenceRange) -> ReferenceRange:
    """Return the row as stored now, with its laboratory locked."""
    _held_laboratory(row.laboratory)
    locked = ReferenceRange.objects.select_related("laboratory__trial__protocol").get(pk=row.pk)
    if locked.in_error_reason:
        raise ValidationError(_("This range was marked as entered in error: it can no longer be changed."))
    return locked


def _others(row: ReferenceRange) -> list[ReferenceRange]:
    same = ReferenceRange.objects.filter(
        laboratory=row.laboratory_id, form=row.form, item=row.item, in_error_reason=""
    )
    return list(same.exclude(pk=row.pk).select_related("laboratory"))


def _check(facts: RangeFacts, items: dict[str, Item]) -> None:
    item = items.get(f"{facts.form}.{facts.item}")
    if item is None:
        raise ValidationError({"path": _("The protocol has no laboratory item of this name.")})
    if facts.unit not in (units := units_of(item)):
        sentence = _("“%(unit)s” is not a unit of this item. Write one of: %(units)s.")
        raise ValidationError({"unit": sentence % {"unit": facts.unit, "units": ", ".join(units)}})
    if facts.lower is None and facts.upper is None:
        raise ValidationError({"lower": _("Give the lower bound, the upper bound, or both.")})
    if facts.lower is not None and facts.upper is not None and facts.lower > facts.upper:
        raise ValidationError({"upper": _("The upper bound must not be below the lower one.")})
    if facts.age_to is not None and facts.age_to <= facts.age_from:
        raise ValidationError({"age_to": _("The ages must end above where they begin.")})
    if facts.effective_to is not None and facts.effective_to < facts.effective_from:
        raise ValidationError({"effective_to": _("The last day must not be before the first day.")})


def units_of(item: Item) -> list[str]:
    """Return the units in which a range of an item may be given: its own and those that convert exactly."""
    return [item.unit or "", *(each.unit for each in item.units)]


def _make_room(row: ReferenceRange, known: list[ReferenceRange]) -> list[ReferenceRange]:
    """End the open range that the new one follows, and return it; refuse every other overlap."""
    new, ended = range_of(row), []
    for other in known:
        old = range_of(other)
        if old.is_same_kind(new) and old.effective_to is None and old.effective_from < new.effective_from:
            other.effective_to = day_before(new.effective_from)
            ended.append(other)
    _refuse_overlap(new, known, "effective_from")
    return ended


def _refuse_overlap(new: Range, others: Iterable[ReferenceRange], field: str) -> None:
    for other in others:
        if new.overlaps(range_of(other)):
            parameters: dict[str, Any] = {
                "first": shown_day(other.effective_from),
                "last": shown_day(other.effective_to) or _("no end"),
            }
            raise ValidationError(
                {
                    field: _("It overlaps the range from %(first)s to %(last)s: end or correct that one.")
                    % parameters
                }
            )
