"""Temperature excursions of the places where tubes are stored: recorded, evaluated once, and the tubes affected.

The tubes affected follow from their ledger: those at the place, or at a part of it, while it lasted. A step that is
recorded or reversed later changes them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TypedDict, cast

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from patients.models import Aliquot, Sample, SampleMovement, StorageExcursion
from patients.samples.expected import rules_of
from patients.samples.ledger import LEAVES_PLACE, in_force_of
from patients.samples.temperatures import temperature_errors
from protocol.values.moments import Moment
from trials.models import Trial


class ExcursionFacts(TypedDict):
    """The facts of an excursion that a person enters: place, times, extreme temperatures (°C), what happened."""

    place: str
    began: Moment
    ended: Moment
    lowest_c: Decimal | None
    highest_c: Decimal | None
    note: str


@dataclass(frozen=True, slots=True)
class AffectedTube:
    """A tube that was at the place: where exactly, and whether the temperatures left the limits of its kind of sample.

    limits: lowest and highest °C of the protocol, None if the version has the kind no more.
    """

    tube: Aliquot
    place: str
    limits: tuple[Decimal, Decimal] | None
    outside: bool


@transaction.atomic
def record_storage_excursion(
    *, trial: Trial, facts: ExcursionFacts, by: User, save_key: str = ""
) -> StorageExcursion:
    """Record that a place was outside its temperature. The same `save_key` again returns the first row.

    Raises ValidationError by field: no place, a time to come, an end before the beginning, temperatures that cannot be,
    without what happened, and in a locked trial.
    """
    trial = Trial.objects.for_update(trial.pk)
    if save_key and (existing := StorageExcursion.objects.filter(trial=trial, save_key=save_key).first()):
        return existing
    if trial.locked_at:
        raise ValidationError(_("The trial is locked: nothing can be changed."))
    if errors := _errors(facts):
        raise ValidationError(errors)
    last = StorageExcursion.objects.filter(trial=trial).aggregate(last=Max("number"))["last"] or 0
    row: StorageExcursion = StorageExcursion.objects.create(
        trial=trial,
        number=last + 1,
        place=" ".join(facts["place"].split()),
        began=facts["began"].iso,
        began_at=facts["began"].earliest,
        ended=facts["ended"].iso,
        ended_at=facts["ended"].earliest,
        lowest_c=facts["lowest_c"],
        highest_c=cast(Decimal, facts["highest_c"]),
        note=facts["note"].strip(),
        recorded_by=by,
        save_key=save_key,
    )
    return row


def _errors(facts: ExcursionFacts) -> dict[str, str]:
    errors = temperature_errors(facts["lowest_c"], facts["highest_c"])
    if not facts["place"].strip():
        errors["place"] = _("Say which place: room, freezer, rack.")
    if not facts["note"].strip():
        errors["note"] = _("Say what happened.")
    if facts["ended"].earliest > timezone.now():
        errors["ended"] = _("This time has not come yet. Check the date.")
    elif facts["ended"].earliest <= facts["began"].earliest:
        errors["ended"] = _("The end must be after the beginning.")
    return errors


@transaction.atomic
def evaluate_storage_excursion(
    *, excursion: StorageExcursion, outcome: str, reason: str, by: User
) -> StorageExcursion:
    """Decide whether the tubes may still be used. Decided once.

    Raises ValidationError without a decision or a reason, if it is decided already, and in a locked trial.
    """
    trial = Trial.objects.for_update(excursion.trial_id)
    row: StorageExcursion = StorageExcursion.objects.get(pk=excursion.pk)
    errors: dict[str, str] = {}
    if outcome not in StorageExcursion.Outcome.values:
        errors["outcome"] = _("Choose whether the tubes may be used.")
    if not reason.strip():
        errors["reason"] = _("Say why.")
    if errors:
        raise ValidationError(errors)
    if trial.locked_at:
        raise ValidationError(_("The trial is locked: nothing can be changed."))
    if row.outcome is not None:
        raise ValidationError(_("This excursion is evaluated already."))
    row.outcome, row.reason, row.evaluated_by, row.evaluated_at = outcome, reason.strip(), by, timezone.now()
    row.save(update_fields=["outcome", "reason", "evaluated_by", "evaluated_at"])
    return row


def is_at(place: str, of: str) -> bool:
    """Return True if a place is `of`, or a part of it: `Freezer 2, rack A` is at `Freezer 2`, not at `Freezer`+`2B`."""
    where, whole = (" ".join(each.casefold().split()) for each in (place, of))
    return bool(whole) and where.startswith(whole) and not where[len(whole) : len(whole) + 1].isalnum()


def places_in(movements: Sequence[SampleMovement], began: datetime, ended: datetime, of: str) -> list[str]:
    """Return where at a place a tube was between two moments, both included, from its movements as they happened."""
    found: dict[str, None] = {}
    here, since = "", None
    for row in [*movements, None]:
        until = row.at if row is not None else None
        if here and since is not None and since <= ended and (until is None or until >= began):
            found[here] = None
        if row is None:
            break
        place = row.place or ("" if row.kind in LEAVES_PLACE else here)
        if place != here:
            here, since = (place, row.at) if is_at(place, of) else ("", None)
    return list(found)


def affected_tubes(excursion: StorageExcursion) -> list[AffectedTube]:
    """Return the tubes that were at the place while it lasted, by code. Four queries."""
    stays = SampleMovement.objects.filter(patient__trial=excursion.trial_id, at__lte=excursion.ended_at)
    stored = Aliquot.objects.filter(pk__in=stays.exclude(place="").values("aliquot")).in_force()
    tubes = list(stored.select_related("sample__visit__protocol", "patient__protocol").order_by("code"))
    return _affected(excursion, tubes, in_force_of(tubes))


def _affected(
    excursion: StorageExcursion, tubes: Iterable[Aliquot], ledger: Mapping[int, Sequence[SampleMovement]]
) -> list[AffectedTube]:
    found = []
    for tube in tubes:
        where = places_in(ledger[tube.pk], excursion.began_at, excursion.ended_at, excursion.place)
        if where:
            limits = _limits(tube.sample, tube)
            found.append(AffectedTube(tube, "; ".join(where), limits, _outside(excursion, limits)))
    return found


def _limits(sample: Sample, tube: Aliquot) -> tuple[Decimal, Decimal] | None:
    plans = rules_of(tube.patient, sample.visit).samples
    plan = next((each for each in plans if each.code == sample.plan), None)
    return (Decimal(plan.storage_c[0]), Decimal(plan.storage_c[1])) if plan else None


def _outside(excursion: StorageExcursion, limits: tuple[Decimal, Decimal] | None) -> bool:
    if limits is None:
        return False
    lowest = excursion.highest_c if excursion.lowest_c is None else excursion.lowest_c
    return lowest < limits[0] or excursion.highest_c > limits[1]


def excursions_of(trial: Trial, ledger: Mapping[int, Sequence[SampleMovement]]) -> list[StorageExcursion]:
    """Return the excursions of a trial that affected one of these tubes, by number. One query, none without tubes."""
    if not ledger:
        return []
    rows = StorageExcursion.objects.filter(trial=trial).order_by("number")
    return [
        row
        for row in rows
        if any(places_in(moves, row.began_at, row.ended_at, row.place) for moves in ledger.values())
    ]
