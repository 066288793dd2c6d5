"""The ledger of aliquots: which movement may follow which, and the state of a tube as its rows say it.

Nothing is changed or deleted: a wrong movement is reversed by another row. The callers hold the lock of the patients.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from patients.models import Aliquot, SampleMovement, Shipment
from protocol.values.moments import Moment
from trials.reader import shown_day, shown_moment

State, Kind = Aliquot.State, SampleMovement.Kind

FOLLOWS: Final[Mapping[str, frozenset[str]]] = {
    Kind.PROCESSED: frozenset({State.COLLECTED}),
    Kind.FROZEN: frozenset({State.COLLECTED, State.PROCESSED}),
    Kind.STORED: frozenset({State.COLLECTED, State.PROCESSED, State.FROZEN, State.RECEIVED, State.THAWED}),
    Kind.MOVED: frozenset({State.STORED}),
    Kind.SHIPPED: frozenset({State.COLLECTED, State.PROCESSED, State.FROZEN, State.STORED, State.RECEIVED}),
    Kind.RECEIVED: frozenset({State.SHIPPED}),
    Kind.THAWED: frozenset({State.FROZEN, State.STORED, State.RECEIVED}),
    Kind.USED: frozenset(Aliquot.PRESENT),
    Kind.MISSING: frozenset({State.SHIPPED, State.FROZEN, State.STORED, State.RECEIVED}),
    Kind.DESTROYED: frozenset(Aliquot.PRESENT),
}
"""The states after which a movement may be recorded."""
LEAVES_PLACE: Final = frozenset({Kind.SHIPPED, Kind.RECEIVED, Kind.MISSING, Kind.USED, Kind.DESTROYED})
AFTER_WITHDRAWAL: Final = frozenset({Kind.STORED, Kind.MOVED, Kind.RECEIVED, Kind.MISSING, Kind.DESTROYED})
"""What is still done with a tube once consent for samples is withdrawn: kept apart, looked for, destroyed."""


def ordered(movements: Iterable[SampleMovement]) -> list[SampleMovement]:
    """Return movements as they happened. The collection is the first, whenever its time was corrected."""
    return sorted(movements, key=lambda row: (row.kind != Kind.COLLECTED, row.at, row.pk))


def in_force_of(aliquots: Sequence[Aliquot]) -> dict[int, list[SampleMovement]]:
    """Return by aliquot its movements that were not reversed, as they happened. One query."""
    found: dict[int, list[SampleMovement]] = {tube.pk: [] for tube in aliquots}
    for row in SampleMovement.objects.filter(aliquot__in=[tube.pk for tube in aliquots]).in_force():
        found[row.aliquot_id].append(row)
    return {key: ordered(rows) for key, rows in found.items()}


def refuse_movement(aliquots: Sequence[Aliquot], kind: str, moment: Moment) -> None:
    """Raise ValidationError, at the field, for a movement that cannot be: the sentence names the tube and why."""
    if not aliquots:
        raise ValidationError({"aliquots": _("Tick at least one tube.")})
    at = moment.earliest
    if at > timezone.now():
        raise ValidationError({"moment": _("This time has not come yet. Check the date.")})
    before = in_force_of(aliquots)
    for tube in aliquots:
        if tube.state not in FOLLOWS[Kind(kind)]:
            text = _("%(tube)s is “%(state)s”: “%(kind)s” cannot follow.")
            words = {"tube": tube.code, "state": State(tube.state).label, "kind": Kind(kind).label}
            raise ValidationError({"aliquots": text % words})
        last = before[tube.pk][-1]
        if at < last.at:
            text = _("%(tube)s: this is before %(at)s, when it was recorded as “%(kind)s”.")
            words = {"tube": tube.code, "at": shown_moment(last.moment), "kind": last.get_kind_display()}
            raise ValidationError({"moment": text % words})
        _refuse_after_withdrawal(tube, kind, moment)


def _refuse_after_withdrawal(tube: Aliquot, kind: str, moment: Moment) -> None:
    patient = tube.patient
    ended, day = patient.samples_withdrawn_on, moment.day_in(patient.trial.rules.trial.site.time_zone)
    if ended is None or kind in AFTER_WITHDRAWAL or (day is not None and day <= ended):
        return
    text = _("%(patient)s withdrew consent for samples on %(day)s: %(tube)s may only be destroyed.")
    raise ValidationError(
        {"aliquots": text % {"patient": patient.code, "day": shown_day(ended), "tube": tube.code}}
    )


def append(
    aliquots: Sequence[Aliquot],
    kind: str,
    moment: Moment,
    *,
    done_by: str,
    by: User,
    place: str = "",
    reason: str = "",
    shipment: Shipment | None = None,
    conditions: Mapping[int, str] | None = None,
) -> None:
    """Add a movement of each aliquot, and bring their state up to date. conditions: by key of the aliquot."""
    SampleMovement.objects.bulk_create(
        SampleMovement(
            aliquot=tube,
            patient_id=tube.patient_id,
            kind=kind,
            moment=moment.iso,
            at=moment.earliest,
            place=place,
            done_by=done_by,
            reason=reason,
            condition=(conditions or {}).get(tube.pk, ""),
            shipment=shipment,
            recorded_by=by,
        )
        for tube in aliquots
    )
    restate(aliquots)


def restate(aliquots: Sequence[Aliquot]) -> None:
    """Store the state and the place that the ledger gives each aliquot."""
    rows = in_force_of(aliquots)
    for tube in aliquots:
        tube.state, tube.place = state_and_place(rows[tube.pk])
    Aliquot.objects.bulk_update(aliquots, ["state", "place"])


def state_and_place(movements: Sequence[SampleMovement]) -> tuple[str, str]:
    """Return the state of a tube and where it is stored, from its movements in force as they happened."""
    last, place = movements[-1].kind, ""
    for row in movements:
        place = row.place or ("" if row.kind in LEAVES_PLACE else place)
    return State.STORED if last == Kind.MOVED else State(last), place
