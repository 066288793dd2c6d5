"""Seriousness, relatedness and class (AE, AR, SAE, SAR, SESAR, SUSAR) of an adverse event, derived from its answers.

Pure functions on plain values. An unanswered question is never counted as “no” (SAF-01, SAF-04). Logic is
three-valued: None means that what is known does not decide.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from protocol.document.design import CAUSALITIES
from protocol.values.moments import Moment, before

NONE_OF_THESE = "none_of_these"
UNRELATED_CAUSALITIES = frozenset(code for code, related in CAUSALITIES.items() if not related)
FATAL = "fatal"
# Reported like serious events though nobody may have come to harm (CTR Annex III 2.1(2)).
KINDS_WITH_A_CLOCK = frozenset({"medication_error", "pregnancy", "misuse", "product_defect"})
OVER = frozenset({"recovered", "sequelae", FATAL})
NOT_OVER = frozenset({"recovering", "not_recovered"})


class SeriousnessCriterion(StrEnum):
    """The six seriousness criteria of ICH E2A §II.B, in the order of E2B(R3) E.i.3.2a to f.

    Each code is the column of `AdverseEvent` that holds the answer.
    """

    DEATH = "results_in_death"
    LIFE_THREATENING = "life_threatening"
    HOSPITALISATION = "hospitalisation"
    DISABILITY = "disability"
    CONGENITAL_ANOMALY = "congenital_anomaly"
    MEDICALLY_IMPORTANT = "medically_important"


class Class(StrEnum):
    """The most specific class of an event.

    Every SESAR and every SUSAR is also a SAR, every SAR also an SAE and an AR; all of them are AEs.
    """

    AE = "AE"
    AR = "AR"
    SAE = "SAE"
    SAR = "SAR"
    SESAR = "SESAR"
    SUSAR = "SUSAR"


@dataclass(frozen=True, slots=True, kw_only=True)
class Classes:
    """Which classes an event belongs to: True, False, or None while what is known does not decide.

    expected: SESAR if a SAR is expected, SUSAR if it is not; never both, and one of them once both are decided.
    """

    sae: bool | None
    ar: bool | None
    sar: bool | None
    sesar: bool | None
    susar: bool | None
    ar_above_grade_3: bool | None
    ar_from_grade_3: bool | None

    @property
    def most_specific(self) -> Class:
        """Return the most specific class that is certain."""
        certain = {Class.SUSAR: self.susar, Class.SESAR: self.sesar, Class.SAR: self.sar, Class.SAE: self.sae}
        for name, holds in (*certain.items(), (Class.AR, self.ar)):
            if holds:
                return name
        return Class.AE


class EventFinding(StrEnum):
    """Inconsistent or missing answers of one event (SAF-02). They are shown to the user, not refused."""

    DEATH_DISAGREES = "death_disagrees"
    GRADE_4_WITHOUT_CRITERION = "grade_4_without_criterion"
    OUTCOME_DISAGREES_WITH_ONGOING = "outcome_disagrees_with_ongoing"
    CAUSALITY_MISSING = "causality_missing"
    SERIOUSNESS_MISSING = "seriousness_missing"


@dataclass(frozen=True, kw_only=True)
class EventAssessment:
    """The answers that determine seriousness and class. Empty or None means unanswered.

    seriousness: the criteria that apply, or `{"none_of_these"}` for the explicit “none of these”.
    grade: CTCAE grade, 1 to 5.
    """

    seriousness: frozenset[str] = frozenset()
    causality: str = ""
    grade: int | None = None
    outcome: str = ""
    ongoing: bool | None = None


def serious(seriousness: Collection[str]) -> bool | None:
    """Return whether an event is serious (ICH E2A §II.B), or None if seriousness is unanswered (SAF-01).

    One criterion is enough. Raises ValueError for “none of these” together with a criterion, and for an
    unknown code.
    """
    chosen = frozenset(seriousness)
    unknown = chosen - {NONE_OF_THESE, *SeriousnessCriterion}
    if unknown:
        raise ValueError(f"Not a seriousness criterion: {', '.join(sorted(unknown))}")
    if NONE_OF_THESE in chosen and len(chosen) > 1:
        raise ValueError("A seriousness criterion and none of these cannot both be true")
    if not chosen:
        return None
    return NONE_OF_THESE not in chosen


def related(causality: str) -> bool:
    """Return whether an event counts as related to the product by one person's opinion (SAF-04).

    Definite, probable and possible are related; unlikely and not related are not. An event without a
    causality assessment counts as related.
    """
    return causality not in UNRELATED_CAUSALITIES


def related_by_either(investigator: str, sponsor: str) -> bool | None:
    """Return whether the investigator or the sponsor holds an event for related (SAF-03, SAF-06).

    The investigator's missing opinion counts as related. None if the investigator does not, and the sponsor has not
    said yet.
    """
    if related(investigator):
        return True
    return related(sponsor) if sponsor else None


def lowers(investigator: str, sponsor: str) -> bool:
    """Return whether the sponsor's opinion takes away a relation that the investigator sees (CTR Annex III 2.1(4)).

    The investigator's missing opinion is none that could be lowered.
    """
    return bool(investigator) and related(investigator) and not related(sponsor)


def is_fatal(answers: EventAssessment) -> bool:
    """Return whether grade, outcome or seriousness states that the event was fatal."""
    return any(signs_of_death(answers).values())


def is_reported(kind: str) -> bool:
    """Return whether a kind of report has the clock of a serious event, whatever its answers are (SAF-07)."""
    return kind in KINDS_WITH_A_CLOCK


def is_life_threatening(seriousness: Collection[str]) -> bool:
    """Return whether the criterion “life-threatening” was chosen."""
    return SeriousnessCriterion.LIFE_THREATENING in seriousness


def classify(
    *, seriousness: Collection[str], causality: str, sponsor: str = "", expected: bool | None = None
) -> Class:
    """Return the most specific class that is certain. Blank seriousness is no SAE yet.

    causality, sponsor: the opinions of investigator and sponsor on the product. expected: None while nobody has
    judged it.
    """
    return classes(
        seriousness=seriousness, causality=causality, sponsor=sponsor, expected=expected
    ).most_specific


def classes(
    *,
    seriousness: Collection[str],
    causality: str,
    sponsor: str = "",
    expected: bool | None = None,
    grade: int | None = None,
) -> Classes:
    """Return which classes an event belongs to (CTR Art. 2(32) to (34), ICH E2A).

    “Grade above 3” is read literally (4 and 5); from grade 3 on is counted beside it.
    """
    is_serious, is_related = serious(seriousness), related_by_either(causality, sponsor)
    sar = _both(is_serious, is_related)
    return Classes(
        sae=is_serious,
        ar=is_related,
        sar=sar,
        sesar=_both(sar, expected),
        susar=_both(sar, None if expected is None else not expected),
        ar_above_grade_3=_both(is_related, None if grade is None else grade > 3),
        ar_from_grade_3=_both(is_related, None if grade is None else grade >= 3),
    )


def _both(one: bool | None, other: bool | None) -> bool | None:
    """Return the three-valued “and”: one False decides, whatever the other may be."""
    if one is False or other is False:
        return False
    return None if one is None or other is None else True


def findings(answers: EventAssessment) -> tuple[EventFinding, ...]:
    """Return the inconsistencies between the answers and the missing answers that the class depends on."""
    found = []
    if serious(answers.seriousness) is None:
        found.append(EventFinding.SERIOUSNESS_MISSING)
    if not answers.causality:
        found.append(EventFinding.CAUSALITY_MISSING)
    if len(set(signs_of_death(answers).values())) > 1:
        found.append(EventFinding.DEATH_DISAGREES)
    if _grade_4_unexplained(answers):
        found.append(EventFinding.GRADE_4_WITHOUT_CRITERION)
    if _outcome_disagrees(answers):
        found.append(EventFinding.OUTCOME_DISAGREES_WITH_ONGOING)
    return tuple(found)


def death_differs(outcome: str, end: Moment | None, died: Moment) -> bool:
    """Return whether a fatal event certainly ended on another day than the patient's death (DAT-08)."""
    return outcome == FATAL and end is not None and bool(before(end, died) or before(died, end))


def signs_of_death(answers: EventAssessment) -> dict[str, bool]:
    """Return, for grade, outcome and seriousness, whether each states that the event was fatal.

    Unanswered ones are left out. The others must agree (SAF-02).
    """
    signs = {}
    if answers.grade is not None:
        signs["grade"] = answers.grade == 5
    if answers.outcome:
        signs["outcome"] = answers.outcome == FATAL
    if answers.seriousness:
        signs["seriousness"] = SeriousnessCriterion.DEATH in answers.seriousness
    return signs


def _grade_4_unexplained(answers: EventAssessment) -> bool:
    # CTCAE defines grade 4 as life-threatening: without a matching criterion it needs an explanation.
    explained = {
        SeriousnessCriterion.LIFE_THREATENING,
        SeriousnessCriterion.MEDICALLY_IMPORTANT,
        SeriousnessCriterion.DEATH,
    }
    return answers.grade == 4 and bool(answers.seriousness) and not explained & answers.seriousness


def _outcome_disagrees(answers: EventAssessment) -> bool:
    if answers.ongoing is None:
        return False
    return answers.outcome in (OVER if answers.ongoing else NOT_OVER)
