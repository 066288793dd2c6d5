"""Deviations found at samples: frozen too late, missing, thawed or damaged on arrival, a required one not collected."""

from collections.abc import Collection, Mapping, Sequence

from accounts.models import User
from audit.stored_text import system_text
from patients.models import Deviation, DeviationPlace, Patient, Sample, SampleMovement
from patients.participation.deviation_log.deviations import FoundDeviation, reconcile
from patients.samples.expected import is_required, rules_of
from patients.samples.ledger import Kind, in_force_of

Category, Condition = Deviation.Category, SampleMovement.Condition
CATEGORIES = (Category.SAMPLE_TIME, Category.SAMPLE_CONDITION, Category.ASSESSMENT)


def note_samples(patient: Patient, samples: Collection[int], by: User) -> None:
    """Open or take back the deviations of some samples, as their ledgers are now. Call it under the patient's lock."""
    rows = list(
        Sample.objects.filter(pk__in=samples).select_related("visit__protocol").prefetch_related("aliquots")
    )
    tubes = [tube for sample in rows for tube in sample.aliquots.all()]
    ledger = in_force_of(tubes)
    found: dict[tuple[str, str], FoundDeviation] = {}
    for sample in rows:
        sample.patient = sample.visit.patient = patient
        if not sample.struck_out:
            found |= {(kind, str(sample.number)): fact for kind, fact in _of(sample, ledger).items()}
    reconcile(
        patient=patient,
        place=DeviationPlace.SAMPLE,
        categories=CATEGORIES,
        keys=[str(sample.number) for sample in rows],
        found=found,
        by=by,
    )


def minutes_to_freezing(sample: Sample, movements: Sequence[SampleMovement]) -> int | None:
    """Return the whole minutes from the collection to the freezing of a tube, None if it is not frozen."""
    frozen = next((row for row in movements if row.kind == Kind.FROZEN), None)
    if frozen is None or sample.collected_at is None:
        return None
    return int((frozen.at - sample.collected_at).total_seconds() // 60)


def _of(sample: Sample, ledger: Mapping[int, Sequence[SampleMovement]]) -> dict[str, FoundDeviation]:
    patient, found = sample.patient, {}
    if not sample.taken:
        if is_required(patient, sample.visit, sample.plan):
            text = system_text("deviation.sample_not_collected", sample.not_collected_reason)
            day = sample.visit.held_on or patient.trial.today
            found[Category.ASSESSMENT.value] = FoundDeviation(day, text)
        return found
    tubes = sorted(sample.aliquots.all(), key=lambda tube: tube.number)
    if late := _late(sample, [ledger[tube.pk] for tube in tubes]):
        found[Category.SAMPLE_TIME.value] = late
    zone = patient.trial.zone
    for kind, code in ((Kind.MISSING, "missing"), (Kind.RECEIVED, "thawed")):
        bad = [(tube, row) for tube in tubes for row in ledger[tube.pk] if row.kind == kind and _is_bad(row)]
        if bad:
            codes = ", ".join(dict.fromkeys(tube.code for tube, _row in bad))
            day = min(row.at for _tube, row in bad).astimezone(zone).date()
            # One row tells the worst: a tube that is missing weighs more than one that thawed.
            told = FoundDeviation(day, system_text(f"deviation.sample_{code}", tubes=codes))
            found.setdefault(Category.SAMPLE_CONDITION.value, told)
    return found


def _is_bad(row: SampleMovement) -> bool:
    return row.kind == Kind.MISSING or row.condition in (Condition.THAWED, Condition.DAMAGED)


def _late(sample: Sample, ledgers: Sequence[Sequence[SampleMovement]]) -> FoundDeviation | None:
    rules = rules_of(sample.patient, sample.visit)
    most = next((p.freeze_within_minutes for p in rules.samples if p.code == sample.plan), None)
    taken = [minutes for rows in ledgers if (minutes := minutes_to_freezing(sample, rows)) is not None]
    if most is None or not taken or max(taken) <= most or sample.collected_at is None:
        return None
    text = system_text("deviation.sample_late", sample=sample.code, minutes=str(max(taken)), most=str(most))
    return FoundDeviation(sample.patient.trial.day_of(sample.collected_at), text)
