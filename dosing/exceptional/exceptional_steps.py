"""The steps of a lot out of specification to one infusion, as they are stored, and which one follows (ATM-04)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from audit.models import Signature
from dosing.models import ExceptionalStep, Infusion, Lot
from dosing.stock.lot_release.release import newest_results, verdict_of

Kind = ExceptionalStep.Kind
TELL_WITHIN = timedelta(hours=48)
"""Within which sponsor and authority are told after the decision (Guidelines on GMP for ATMP, 11.54; recalled)."""
USABLE = frozenset({Lot.Status.WAITING, Lot.Status.RELEASED, Lot.Status.CONDITIONAL})
NOTICES = frozenset({Kind.SPONSOR, Kind.AUTHORITY})


@dataclass(frozen=True)
class ExceptionalUse:
    """The steps of one lot for one infusion by kind, and the keys of those with a valid signature."""

    infusion: Infusion
    lot: Lot
    steps: Mapping[str, ExceptionalStep] = field(default_factory=dict)
    signed: frozenset[int] = frozenset()

    @property
    def accepted(self) -> bool:
        """True if request, favourable evaluation and acceptance hold with their signatures."""
        needed = [self.steps.get(kind) for kind in (Kind.REQUEST, Kind.EVALUATION, Kind.DECISION)]
        return all(
            row is not None and row.pk in self.signed and row.favourable is not False for row in needed
        )

    @property
    def next(self) -> tuple[str, ...]:
        """Return the kinds of the steps that may follow now."""
        decision = self.steps.get(Kind.DECISION)
        if decision is not None:
            open_now = NOTICES - self.steps.keys() if decision.favourable else frozenset()
            return tuple(kind for kind in Kind if kind in open_now)
        return (Kind.DECISION,) if Kind.EVALUATION in self.steps else (Kind.EVALUATION,)

    @property
    def tell_before(self) -> datetime | None:
        """Return until when sponsor and authority are told; None before the product is accepted."""
        decision = self.steps.get(Kind.DECISION)
        return decision.at + TELL_WITHIN if decision is not None and decision.favourable else None

    def is_late(self, now: datetime) -> bool:
        """Return True if somebody was told late, or is not told though the time has passed."""
        before = self.tell_before
        return before is not None and any(
            (self.steps[kind].at if kind in self.steps else now) > before for kind in NOTICES
        )


def uses_of(**about: object) -> list[ExceptionalUse]:
    """Return the exceptional uses of an infusion (`infusion=…`) or a lot (`lot=…`), the newest first. Two queries."""
    rows = list(
        ExceptionalStep.objects.filter(**about)
        .select_related("infusion__patient", "lot", "recorded_by")
        .order_by("pk")
    )
    signed = frozenset(
        Signature.objects.filter(
            target_type=ExceptionalStep._meta.label_lower,
            target_id__in=[row.pk for row in rows],
            invalidated_at=None,
        ).values_list("target_id", flat=True)
    )
    found: dict[tuple[int, int], list[ExceptionalStep]] = {}
    for row in rows:
        found.setdefault((row.infusion_id, row.lot_id), []).append(row)
    return [
        ExceptionalUse(steps[0].infusion, steps[0].lot, {row.kind: row for row in steps}, signed)
        for steps in reversed(found.values())
    ]


def is_accepted_for(lot: Lot, infusion: Infusion) -> bool:
    """Return True if a lot out of specification was accepted for an infusion. Two queries; none in a masked trial."""
    if infusion.patient.trial.masked or lot.status not in USABLE:
        return False
    return any(each.accepted for each in uses_of(infusion=infusion, lot=lot))


def is_out_of_specification(lot: Lot) -> bool:
    """Return True if a result, or the passages or doublings, are outside the release specification. One query."""
    found = verdict_of(lot, newest_results(lot))
    return bool(found.failed) or found.passages or found.doublings


def candidates(infusion: Infusion) -> list[Lot]:
    """Return the lots out of specification that could be asked for: not recalled, rejected or in quarantine."""
    trial = infusion.patient.trial
    rows = list(Lot.objects.filter(trial=trial, status__in=USABLE).order_by("number"))
    for row in rows:
        row.trial = trial
    return [row for row in rows if is_out_of_specification(row)]
