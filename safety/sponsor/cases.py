"""Drug safety opens a case of a serious event and judges it: own causality, and expectedness (SAF-03, SAF-05)."""

from typing import Any, TypedDict, Unpack

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audit.context import because
from audit.stored_text import Text, system_text, trimmed
from patients.participation.lifecycle import lock_patient
from protocol.values.moments import Moment, before
from safety import choices
from safety.classification import lowers, related_by_either
from safety.models import SPONSOR_CAUSES, AdverseEvent, CaseDecision
from safety.sponsor.case_clocks import note_next_due, restart_clocks, start_clocks
from safety.sponsor.expectedness import in_force
from safety.stopping.watching import lock_for_rules, watch


class CaseJudgement(TypedDict, total=False):
    """The judgement of drug safety on a case. A missing or empty key: not judged yet.

    reference_version: the version of the reference safety information that expectedness was judged by.
    """

    sponsor_aware: Moment | None
    sponsor_causality: str
    sponsor_causality_infusion: str
    sponsor_causality_premedication: str
    sponsor_causality_procedure: str
    sponsor_causality_disease: str
    expectedness: str
    reference_version: str
    sponsor_comment: str


class StaleCase(Exception):
    """The case changed since it was shown."""


@transaction.atomic
def judge_case(
    *,
    event: AdverseEvent,
    version: int,
    by: User,
    reason: Text = "",
    known: Moment | None = None,
    **judgement: Unpack[CaseJudgement],
) -> AdverseEvent:
    """Open the case of an event (version 0), or judge it again with a reason; start the clocks that follow.

    The opinion of the site is not touched. known: when the sponsor learned of what changes the judgement; without it
    clocks run from the awareness. An event that the sponsor alone holds for related may set a hold, as one of the
    investigator's does. Also below a lock: a serious event is reported after the end of the trial. Raises
    StaleCase, and ValidationError with a message for each refused answer.
    """
    lock_for_rules(event.patient)
    patient = lock_patient(event.patient)
    row = AdverseEvent.objects.select_for_update(of=("self",)).get(pk=event.pk)
    row.patient = patient
    if row.case_version != version:
        raise StaleCase
    _refuse(row)
    columns = _columns(row, judgement, known)
    if all(getattr(row, name) == value for name, value in columns.items()):
        raise ValidationError(_("Nothing was changed: there is nothing to save."))
    words = _reason(reason) if version else system_text("case.opened")
    was = related_by_either(row.causality, row.sponsor_causality)
    stored = _stored(row, columns, known, words)
    # A rule that fired with this event before does not fire again because something else was judged.
    if related_by_either(stored.causality, stored.sponsor_causality) and not was:
        watch(stored, by)
    return stored


def _stored(row: AdverseEvent, columns: dict[str, Any], known: Moment | None, words: Text) -> AdverseEvent:
    was, former = row.reportable, row.sponsor_aware_at
    columns["case_version"] = row.case_version + 1
    for name, value in columns.items():
        setattr(row, name, value)
    with because(words):
        row.save(update_fields=list(columns))
        if former is not None and former != row.sponsor_aware_at:
            restart_clocks(row, columns["sponsor_aware_at"])
        start_clocks(row, was, known.earliest if known else columns["sponsor_aware_at"])
        note_next_due(row)
    return row


def _refuse(row: AdverseEvent) -> None:
    if row.in_error:
        raise ValidationError(_("This event was entered in error: it stays as it is."))
    if row.due_at is None:
        raise ValidationError(_("This event is not reported to the sponsor: it is not serious."))
    # A judgement that follows a decision could tell what the decision was.
    if CaseDecision.objects.filter(clock__event=row).exists():
        raise ValidationError(
            _("A decision on this case is recorded: its judgement does not change any more.")
        )


def _reason(reason: Text) -> Text:
    if not trimmed(reason):
        raise ValidationError({"reason": _("Say why this is changed.")})
    return trimmed(reason)


def _columns(row: AdverseEvent, judgement: CaseJudgement, known: Moment | None) -> dict[str, Any]:
    zone = row.patient.trial.time_zone
    aware = judgement.get("sponsor_aware")
    aware = aware.placed(zone) if aware else None
    errors = {
        **_of_awareness(row, aware),
        **_of_causality(row, judgement),
        **_of_expectedness(row, judgement),
    }
    if known is not None and (problem := _not_a_time(known.placed(zone), aware)):
        errors["known"] = problem
    if len(judgement.get("sponsor_comment", "")) > 2000:
        errors["sponsor_comment"] = _("Use at most 2000 characters.")
    if errors or aware is None:
        raise ValidationError(errors)
    texts = (*SPONSOR_CAUSES, "expectedness", "reference_version", "sponsor_comment")
    return {
        "sponsor_aware": aware.iso,
        "sponsor_aware_at": aware.earliest,
        **{name: str(judgement.get(name, "")).strip() for name in texts},
    }


def _of_awareness(row: AdverseEvent, aware: Moment | None) -> dict[str, str]:
    if aware is None:
        return {"sponsor_aware": _("Enter when the sponsor learned of the event: its day is day 0.")}
    problem = _not_a_time(aware, Moment.from_iso(row.aware) if row.aware else None)
    return {"sponsor_aware": problem} if problem else {}


def _not_a_time(moment: Moment, not_before: Moment | None) -> str:
    if moment.precision != "minute":
        return _("Enter the day and the time, like 09-Oct-2025 14:05: days are counted from it.")
    if moment.earliest > timezone.now():
        return _("This time has not come yet. Check the date.")
    if not_before is not None and before(moment, not_before):
        return _("This is before the event was known. Check the date.")
    return ""


def _of_causality(row: AdverseEvent, judgement: CaseJudgement) -> dict[str, str]:
    scale = {code for code, _title in choices.causalities(row.patient.protocol.rules)}
    errors = {}
    for name in SPONSOR_CAUSES:
        code = str(judgement.get(name, ""))
        if code and code not in scale:
            errors[name] = _("Choose one of the answers offered.")
        elif lowers(getattr(row, name.removeprefix("sponsor_")), code):
            errors[name] = _(
                "The investigator holds it for related, and the sponsor does not lower that: both opinions are"
                " reported. Give your grounds in the comment."
            )
    return errors


def _of_expectedness(row: AdverseEvent, judgement: CaseJudgement) -> dict[str, str]:
    answer, version = judgement.get("expectedness", ""), judgement.get("reference_version", "")
    if not answer:
        return (
            {"reference_version": _("Choose whether it is expected, or leave both empty.")} if version else {}
        )
    if answer not in AdverseEvent.Expectedness.values:
        return {"expectedness": _("Choose one of the answers offered.")}
    possible = versions_at_onset(row)
    if not possible:
        return {
            "expectedness": _(
                "No reference safety information was in force at the onset: add its version to the protocol file."
            )
        }
    if version not in possible:
        words = _("Choose the version that was in force at the onset: %(versions)s.")
        return {"reference_version": words % {"versions": ", ".join(possible)}}
    return {}


def versions_at_onset(event: AdverseEvent) -> list[str]:
    """Return the versions of the reference that may have been in force at the onset, oldest first."""
    trial = event.patient.trial
    possible = in_force(trial.rules.safety.reference, event.onset_moment, trial.time_zone)
    return [each.version for each in possible if each is not None]
