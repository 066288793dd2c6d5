"""Checks of a whole adverse event: missing, unknown, impossible or contradictory answers.

Partial dates are not imputed: one is refused only if none of its possible days is valid (DAT-05, DAT-08).
"""

from datetime import datetime
from typing import Any, TypedDict

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from patients.models import Patient
from patients.participation.treatment.infusion_links import infusions_of
from protocol.document.document import Protocol
from protocol.values.moments import Moment, before
from safety import choices
from safety.classification import NONE_OF_THESE, EventAssessment, is_fatal, is_reported, serious
from safety.models import CAUSES, CRITERIA, AdverseEvent
from safety.reporting_clocks.clocks import hours_deadline
from trials.reader import shown_moment


class EventAnswers(TypedDict, total=False):
    """Answers about one adverse event. A missing or empty key means unanswered.

    infusion: number of the patient's infusion at which it began, None for none. seriousness holds codes of the six
    criteria, or `none_of_these` alone. `aware` is when the site learned of the event; `serious_aware` is when it
    learned that the event is serious, if that was later.
    """

    kind: str
    term: str
    description: str
    infusion: int | None
    onset: Moment | None
    ongoing: str
    end: Moment | None
    grade: int | None
    seriousness: frozenset[str]
    causality: str
    causality_infusion: str
    causality_premedication: str
    causality_procedure: str
    causality_disease: str
    treatment: str
    outcome: str
    action_taken: str
    aesi: str
    aware: Moment | None
    serious_aware: Moment | None
    late_reason: str


Errors = dict[str, str]
NOT_AN_INFUSION = gettext_lazy("This is no infusion of this patient: choose one, or none.")


def answers_of(event: AdverseEvent, zone: str) -> EventAnswers:
    """Return the stored answers of an event in the form in which they are entered."""

    def moment(text: str) -> Moment | None:
        return Moment.from_iso(text, zone) if text else None

    return EventAnswers(
        kind=event.kind,
        term=event.term,
        description=event.description,
        infusion=event.infusion,
        onset=moment(event.onset),
        ongoing=event.ongoing,
        end=moment(event.end),
        grade=event.grade,
        seriousness=event.seriousness,
        causality=event.causality,
        causality_infusion=event.causality_infusion,
        causality_premedication=event.causality_premedication,
        causality_procedure=event.causality_procedure,
        causality_disease=event.causality_disease,
        treatment=event.treatment,
        outcome=event.outcome,
        action_taken=event.action_taken,
        aesi=event.aesi,
        aware=moment(event.aware),
        serious_aware=moment(event.serious_aware),
        late_reason=event.late_reason,
    )


def columns(
    patient: Patient,
    answers: EventAnswers,
    *,
    upgrade: bool = False,
    draft_clock_at: datetime | None = None,
) -> dict[str, Any]:
    """Return the column values of an event. Raises ValidationError with a message for each refused answer.

    upgrade: the event was not serious before, so `serious_aware` is required. draft_clock_at: start of the clock that
    its draft has, unless the awareness is earlier.
    """
    rules = patient.protocol.rules
    answers = normalised(answers, rules.trial.site.time_zone)
    errors = {**missing(answers, rules), **unknown(answers, rules)}
    for check in (_infusion, _onset, _end, _awareness):
        # A missing or unknown answer keeps its own message.
        errors = {**check(patient, answers), **errors}
    if upgrade and not answers.get("serious_aware"):
        errors["serious_aware"] = _("Enter when the site learned that it is serious: 24 hours run from then.")
    if errors:
        raise ValidationError(errors)
    return _stored(answers, rules, draft_clock_at if has_clock(answers, rules) else None)


def normalised(answers: EventAnswers, zone: str) -> EventAnswers:
    """Return the answers with dates in the site's time zone and texts stripped."""
    whole: dict[str, Any] = dict(answers)
    for name, value in whole.items():
        if isinstance(value, Moment):
            whole[name] = value.placed(zone)
        elif isinstance(value, str):
            whole[name] = value.strip()
    return EventAnswers(**whole)  # type: ignore[typeddict-item]


def missing(answers: EventAnswers, rules: Protocol) -> Errors:
    """Return a message for each unanswered question. Causality may be assessed later (SAF-04)."""
    needed = {
        "term": _("Name the event, as the source does."),
        "onset": _("Enter the onset; a year is enough when no more is known."),
        "ongoing": _("Is the event still going on? Answer yes or no."),
        "grade": _("Choose the grade."),
        "seriousness": _("Choose every criterion that applies, or “None of these”."),
        "outcome": _("Choose the outcome; “Unknown” is an answer."),
        "action_taken": _("Choose what was done with the product."),
    }
    if rules.safety.aesi:
        needed["aesi"] = _("Choose a category, or “Not of special interest”.")
    errors = {name: sentence for name, sentence in needed.items() if not answers.get(name)}
    if has_clock(answers, rules) and not answers.get("aware"):
        errors["aware"] = _("Enter when the site learned of the event: the 24 hours start then.")
    return errors


def unknown(answers: EventAnswers, rules: Protocol) -> Errors:
    """Return a message for each answer that is not one of the choices."""
    scale = [code for code, _title in choices.causalities(rules)]
    offered = {
        "kind": AdverseEvent.Kind.values,
        **dict.fromkeys(("causality", *CAUSES), scale),
        "ongoing": AdverseEvent.Ongoing.values,
        "grade": range(1, 6),
        "outcome": AdverseEvent.Outcome.values,
        "action_taken": AdverseEvent.Action.values,
        "aesi": [code for code, _title in choices.special_interests(rules)],
    }
    errors = {
        name: _("Choose one of the answers offered.")
        for name, codes in offered.items()
        if answers.get(name) and answers.get(name) not in codes
    }
    try:
        serious(answers.get("seriousness", frozenset()))
    except ValueError:
        errors["seriousness"] = _("“None of these” cannot be true together with a criterion.")
    if len(answers.get("term", "")) > 200:
        errors["term"] = _("Use at most 200 characters, and the description for the rest.")
    return errors


def assessment_of(answers: EventAnswers) -> EventAssessment:
    """Return the answers that determine seriousness, clock and class."""
    return EventAssessment(
        seriousness=answers.get("seriousness", frozenset()),
        causality=answers.get("causality", ""),
        grade=answers.get("grade"),
        outcome=answers.get("outcome", ""),
        ongoing={"Y": True, "N": False}.get(answers.get("ongoing", "")),
    )


def counts_as_serious(answers: EventAnswers) -> bool:
    """Return whether a criterion was chosen, or the grade or the outcome alone says that the event was fatal.

    A fatal event counts as “results in death” for the clock, whatever its criteria say until they are corrected.
    """
    criteria = answers.get("seriousness", frozenset()) & frozenset(CRITERIA)
    return bool(criteria) or is_fatal(assessment_of(answers))


def has_clock(answers: EventAnswers, rules: Protocol) -> bool:
    """Return whether the event has to be reported within hours: serious, or of a kind or category that is.

    A medication error, a pregnancy and a defect of the product are reported like serious events (SAF-07), and so is a
    category of special interest that the protocol names as expedited (SAF-08).
    """
    kind, category = answers.get("kind", ""), answers.get("aesi", "")
    return counts_as_serious(answers) or is_reported(kind) or category in rules.safety.expedited


def _infusion(patient: Patient, answers: EventAnswers) -> Errors:
    number = answers.get("infusion")
    if number is None or number in {each.number for each in infusions_of(patient)}:
        return {}
    return {"infusion": str(NOT_AN_INFUSION)}


def _onset(patient: Patient, answers: EventAnswers) -> Errors:
    onset = answers.get("onset")
    if onset is None:
        return {}
    return _not_in_the_future("onset", onset)


def _end(patient: Patient, answers: EventAnswers) -> Errors:
    onset, end, ongoing = answers.get("onset"), answers.get("end"), answers.get("ongoing")
    if ongoing == "Y":
        return {"end": _("An ongoing event has no end: clear it, or answer that it is over.")} if end else {}
    if end is None:
        return {"end": _("Enter the end; a year is enough when no more is known.")} if ongoing == "N" else {}
    if onset is not None and before(end, onset):
        return {
            "end": _("The end must not be before the onset (%(onset)s).") % {"onset": shown_moment(onset)}
        }
    return _not_in_the_future("end", end)


def _awareness(patient: Patient, answers: EventAnswers) -> Errors:
    errors: Errors = {}
    onset, aware = answers.get("onset"), answers.get("aware")
    serious_aware = answers.get("serious_aware") if has_clock(answers, patient.protocol.rules) else None
    for name, moment in (("aware", aware), ("serious_aware", serious_aware)):
        if moment is None:
            continue
        errors.update(_not_in_the_future(name, moment))
        if moment.precision != "minute":
            errors[name] = _("Enter the day and the time, like 09-Oct-2025 14:05: hours are counted from it.")
        elif onset is not None and before(moment, onset):
            errors[name] = _("Nobody can know of the event before its onset (%(onset)s).") % {
                "onset": shown_moment(onset)
            }
    if aware is not None and serious_aware is not None and before(serious_aware, aware):
        errors.setdefault(
            "serious_aware",
            _("This is before the site knew of the event (%(aware)s).") % {"aware": shown_moment(aware)},
        )
    return errors


def _not_in_the_future(name: str, moment: Moment) -> Errors:
    if moment.earliest <= timezone.now():
        return {}
    return {name: _("This time has not come yet. Check the date.")}


def _stored(answers: EventAnswers, rules: Protocol, draft_clock_at: datetime | None) -> dict[str, Any]:
    chosen = answers.get("seriousness", frozenset())
    texts = ("kind", "description", "causality", *CAUSES, "treatment")
    return {
        "term": answers["term"],
        **{name: answers.get(name, "") for name in texts},
        "infusion": answers.get("infusion"),
        "ongoing": answers["ongoing"],
        "grade": answers["grade"],
        "outcome": answers["outcome"],
        "action_taken": answers["action_taken"],
        "aesi": answers.get("aesi", ""),
        **{name: name in chosen for name in (*CRITERIA, NONE_OF_THESE)},
        **_interval("onset", answers.get("onset")),
        **_interval("end", answers.get("end")),
        **_clock(answers, rules, draft_clock_at),
    }


def _interval(name: str, moment: Moment | None) -> dict[str, Any]:
    return {
        name: moment.iso if moment else "",
        f"{name}_earliest": moment.earliest if moment else None,
        f"{name}_latest": moment.latest if moment else None,
    }


def _clock(answers: EventAnswers, rules: Protocol, draft_clock_at: datetime | None) -> dict[str, Any]:
    """Return both awareness times and the deadline, counted from when the event was known to be serious.

    An earlier clock of the draft goes on.
    """
    aware = answers.get("aware")
    serious_aware = answers.get("serious_aware") if has_clock(answers, rules) else None
    start = serious_aware or aware
    due: datetime | None = None
    if has_clock(answers, rules) and start is not None:
        begins = min(start.earliest, draft_clock_at or start.earliest)
        due = hours_deadline(begins, rules.safety.sae_clock_hours)
    return {
        "aware": aware.iso if aware else "",
        "aware_at": aware.earliest if aware else None,
        "serious_aware": serious_aware.iso if serious_aware else "",
        "serious_aware_at": serious_aware.earliest if serious_aware else None,
        "draft_clock_at": draft_clock_at,
        "due_at": due,
    }
