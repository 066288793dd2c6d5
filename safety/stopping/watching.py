"""Judge the stopping rules of the protocol when an adverse event is reported or amended, and set holds (CEL-16).

A hold of the trial is a row of `trials`, one of a patient's treatment a row of `patients`: dosing reads both and never
this room. Nothing here depends on the arm.
"""

from collections.abc import Iterable, Sequence

from accounts.models import User
from patients.models import Patient
from patients.participation.milestones import milestones
from patients.participation.treatment.treatment_holds import hold_treatment
from protocol.document.document import Protocol
from protocol.document.stopping import StoppingRule
from safety import timing
from safety.classification import related_by_either
from safety.models import AdverseEvent
from safety.stopping.stopping_rules import WatchedEvent, firing, is_watched
from trials.holds import hold_by_rule
from trials.models import Trial


def lock_for_rules(patient: Patient) -> None:
    """Lock the trial's row, before that of the patient, if a rule counts events of several patients. One query or none.

    Two events reported at once must each be counted by the other's rule.
    """
    if _of_scope(_rules_in_force(patient).stopping_rules, "trial"):
        Trial.objects.for_update(patient.trial_id)


def watch(event: AdverseEvent, by: User) -> None:
    """Set the holds of the rules that fire with this event. No query unless a rule watches it.

    The rules of the trial are those in force, the rules about a patient those of the patient's version.
    """
    patient = event.patient
    rules = [
        *_of_scope(_rules_in_force(patient).stopping_rules, "trial"),
        *_of_scope(patient.protocol.rules.stopping_rules, "patient"),
    ]
    if not rules or event.in_error:
        return
    (own,) = _watched([event], rules)
    for rule in rules:
        if is_watched(rule.events, own):
            _judge(rule, event, by)


def _judge(rule: StoppingRule, event: AdverseEvent, by: User) -> None:
    rows = AdverseEvent.objects.filter(trial=event.trial_id).not_in_error().select_related("patient__trial")
    if rule.scope == "patient":
        rows = rows.filter(patient=event.patient_id)
    found = {row.pk: row for row in rows.order_by("patient_id", "number")}
    keys = firing(rule, _watched(list(found.values()), [rule]))
    if not keys:
        return
    title = str(rule.title)
    if rule.scope == "patient":
        events = [f"AE {found[key].number}" for key in keys]
        hold_treatment(patient=event.patient, rule=rule.id, title=title, events=events, by=by)
    else:
        events = [f"{found[key].patient.code} AE {found[key].number}" for key in keys]
        hold_by_rule(trial=event.patient.trial, rule=rule.id, title=title, events=events, by=by)


def _watched(events: Sequence[AdverseEvent], rules: Iterable[StoppingRule]) -> list[WatchedEvent]:
    """Return the facts of events that the rules read. One query more if a rule counts from infusions."""
    patients = {event.patient_id: event.patient for event in events}
    timed = any(rule.events.within_hours_of_infusion for rule in rules)
    given = milestones(list(patients.values())) if timed else {}
    return [
        WatchedEvent(
            key=event.pk,
            patient=event.patient_id,
            # The stricter of both opinions counts: the sponsor does not lower the investigator's (SAF-03).
            related=related_by_either(event.causality, event.sponsor_causality) is True,
            serious=event.serious,
            fatal=event.results_in_death,
            grade=event.grade,
            aesi=event.aesi,
            minutes=tuple(
                timing.since(each.at, event.onset_moment, str(event.patient.trial.zone)).minutes
                for each in given.get(event.patient_id, ())
                if each.kind == "infusion"
            ),
        )
        for event in events
    ]


def _rules_in_force(patient: Patient) -> Protocol:
    """Return the rules of the trial. No query for a patient under the version in force, which is read already."""
    if patient.trial.protocol_id == patient.protocol_id:
        return patient.protocol.rules
    return patient.trial.rules


def _of_scope(rules: Iterable[StoppingRule], scope: str) -> list[StoppingRule]:
    return [rule for rule in rules if rule.scope == scope]
