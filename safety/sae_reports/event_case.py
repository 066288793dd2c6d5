"""Make a case report of an adverse event as it is stored. Empty where the trial does not capture an answer yet."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from patients.models import Patient, Record
from patients.participation.death import Death, death_of
from patients.participation.milestones import milestones
from patients.participation.weights import captured_weights, weight_forms, weight_on, weight_providers
from protocol.document.document import Protocol
from protocol.values.moments import Moment
from safety import choices
from safety.classification import SeriousnessCriterion, related
from safety.icsr import times
from safety.icsr.case import (
    Absent,
    Amount,
    CaseDrug,
    CaseIdentity,
    CaseNarrative,
    CasePatient,
    CaseSender,
    CaseStudy,
    CausalityOpinion,
    DeathOfCase,
    DoseGiven,
    DrugEventRelation,
    IndividualCase,
    PastCondition,
    PrimarySource,
    Reaction,
    StudyRegistration,
    Transmission,
)
from safety.models import AdverseEvent
from safety.sae_reports.stored import SaeReport, label_of
from safety.sae_reports.supplement import NOTHING, CaseSupplement

# E.i.3.2a to f, in the order of the criteria of ICH E2A.
LETTERS = dict(zip(SeriousnessCriterion, "abcdef", strict=True))
OUTCOMES = {
    "recovered": "1",
    "recovering": "2",
    "not_recovered": "3",
    "sequelae": "4",
    "fatal": "5",
    "unknown": "0",
}
# An infusion that was interrupted or postponed was given all the same: the dose did not change.
ACTIONS = {
    "none": "4",
    "interrupted": "4",
    "next_postponed": "4",
    "stopped": "1",
    "withdrawn": "1",
    "not_applicable": "9",
}
LANGUAGES = {"en": "eng", "fr": "fra", "es": "spa"}
SEXES = {"M": "1", "F": "2"}
CLINICAL_TRIAL, FROM_STUDY, OTHER_SENDER, OTHER_THAN_REGULATOR = "1", "2", "6", "2"
PHYSICIAN, HEALTH_PROFESSIONAL = "1", "3"
EU_REGISTER = "eudract"
_BLINDED = "Study product"


def case_of(
    *,
    event: AdverseEvent,
    reports: Sequence[SaeReport],
    now: datetime,
    supplement: CaseSupplement = NOTHING,
    blinded: bool,
) -> IndividualCase:
    """Return the case as of the last of these reports. Reads forms, death, infusions and weights: five queries.

    now: when the file is made, in the time zone of the site. blinded: the treatment of the patient is not opened; the
    drug is then named by what both arms are told.
    """
    patient, rules = event.patient, event.patient.protocol.rules
    records = _records(patient, rules)
    return IndividualCase(
        transmission=_transmission(event, reports, now, supplement),
        identity=_identity(event, reports, now, supplement),
        sources=(_source(event, rules),),
        sender=CaseSender(kind=OTHER_SENDER, organisation=rules.trial.sponsor or "", country=rules.trial.site.country),
        study=_study(rules),
        patient=_patient(event, records, supplement),
        events=(_event(event, rules, supplement),),
        drugs=(_product(event, rules, supplement, blinded=blinded),),
        narrative=CaseNarrative(
            text=reports[-1].narrative if reports else "",
            diagnoses=supplement.diagnoses,
            sender_comment=supplement.sender_comment,
        ),
    )  # fmt: skip


def case_number(event: AdverseEvent) -> str:
    """Return the sender's number of the case (C.1.1): country, organisation without hyphens, and number."""
    facts = event.patient.protocol.rules.trial
    organisation = re.sub(r"[^\w]+", "", facts.sponsor or facts.site.name)[:40]
    return f"{facts.site.country}-{organisation}-{event.patient.trial.slug}/{event.patient.code}/AE{event.number}"


def _transmission(
    event: AdverseEvent, reports: Sequence[SaeReport], now: datetime, supplement: CaseSupplement
) -> Transmission:
    label = supplement.label or (label_of(reports[-1].number) if reports else "draft")
    return Transmission(
        batch_number=f"{case_number(event)}/{label}",
        batch_sender=supplement.sender,
        batch_receiver=supplement.receiver,
        sent=times.of_instant(now),
        message_sender=supplement.sender,
        message_receiver=supplement.receiver,
    )


def _identity(
    event: AdverseEvent, reports: Sequence[SaeReport], now: datetime, supplement: CaseSupplement
) -> CaseIdentity:
    number, zone = case_number(event), event.patient.protocol.rules.trial.site.time_zone
    first = _day(event.reported, zone)
    last = times.of_instant(reports[-1].sent_at.astimezone(now.tzinfo)) if reports else first
    in_error = event.in_error
    return CaseIdentity(
        number=number,
        created=times.of_instant(now),
        kind=FROM_STUDY,
        first_received=first,
        latest_information=last,
        expedited=supplement.expedited,
        worldwide_number=number,
        first_sender=OTHER_THAN_REGULATOR,
        change="1" if in_error else "",
        change_reason=event.in_error_reason,
    )


def _day(stored: str, zone: str) -> str:
    return times.of_moment(Moment.from_iso(stored, zone)) if stored else ""


def _source(event: AdverseEvent, rules: Protocol) -> PrimarySource:
    """Return the reporter by function: names of people do not leave the site. Only an investigator judges causality."""
    return PrimarySource(
        given_name=Absent.MASKED,
        family_name=Absent.MASKED,
        organisation=rules.trial.site.name[:60],
        country=rules.trial.site.country,
        qualification=PHYSICIAN if event.causality else HEALTH_PROFESSIONAL,
        primary=True,
    )


def _study(rules: Protocol) -> CaseStudy:
    numbers = rules.trial.identifiers
    registered = (
        (StudyRegistration(number=numbers[EU_REGISTER], country="EU"),) if EU_REGISTER in numbers else ()
    )
    return CaseStudy(
        registrations=registered,
        name=rules.trial.title.in_language("en"),
        sponsor_number=numbers.get("sponsor_code", ""),
        kind=CLINICAL_TRIAL,
    )  # fmt: skip


def _patient(event: AdverseEvent, records: Sequence[Record], supplement: CaseSupplement) -> CasePatient:
    patient, rules = event.patient, event.patient.protocol.rules
    captured = _captured(records, (rules.profile.age, rules.profile.sex))
    death = death_of(patient)
    age = captured.get(rules.profile.age, "")
    return CasePatient(
        initials=Absent.MASKED,
        investigation_number=patient.code,
        age=Amount(number=str(age), unit="a") if age != "" else Amount(),
        weight_kg=_weight(event, records),
        sex=SEXES.get(str(captured.get(rules.profile.sex, "")), ""),
        conditions=tuple(PastCondition(term=term) for term in supplement.conditions),
        history=supplement.history,
        death=None if death is None else _death(death, supplement),
    )


def _weight(event: AdverseEvent, records: Sequence[Record]) -> str:
    """Return the weight at the time of the event (D.3) in kg; empty without one. One query per provider.

    It is the newest of the last day on which the event may have begun, or before: a patient in intensive care gains or
    loses many kilograms after screening. Where the patient was weighed only later, the first of those weights.
    """
    patient = event.patient
    weights = [
        *captured_weights(patient.protocol.rules, records),
        *(weight for provider in weight_providers for weight in provider(patient)),
    ]
    found = weight_on(weights, event.onset_moment.last_day)
    return "" if found is None else f"{found.hundredths.normalize():f}"


def _death(death: Death, supplement: CaseSupplement) -> DeathOfCase:
    return DeathOfCase(
        died=times.of_moment(death.moment),
        causes=supplement.causes,
        autopsy=supplement.autopsy,
        autopsy_causes=supplement.autopsy_causes,
    )


def _records(patient: Patient, rules: Protocol) -> list[Record]:
    """Return the forms with the items that the protocol names in its profile, and with weights. One query."""
    paths = [path for path in (rules.profile.age, rules.profile.sex) if path]
    forms = {path.partition(".")[0] for path in paths} | set(weight_forms(rules))
    rows = Record.objects.filter(patient=patient, form__in=sorted(forms))
    return list(rows.exclude(state=Record.State.STRUCK_OUT).select_related("visit").order_by("pk"))


def _captured(records: Sequence[Record], paths: Sequence[str | None]) -> dict[str | None, Any]:
    """Return the last values of the items with these paths."""
    found: dict[str | None, Any] = {}
    for path in filter(None, paths):
        form, _dot, item = path.partition(".")
        for row in records:
            if row.form == form and isinstance(row.values.get(item), str | int):
                found[path] = row.values[item]
    return found


def _event(event: AdverseEvent, rules: Protocol, supplement: CaseSupplement) -> Reaction:
    language = rules.trial.site.languages[0].partition("-")[0]
    end = event.end_moment
    return Reaction(
        native_text=event.term,
        native_language=LANGUAGES.get(language, ""),
        term=supplement.term,
        seriousness=frozenset(LETTERS[SeriousnessCriterion(name)] for name in LETTERS if name in event.seriousness),
        start=times.of_moment(event.onset_moment),
        end="" if end is None else times.of_moment(end),
        outcome=OUTCOMES[event.outcome],
        country=rules.trial.site.country,
    )  # fmt: skip


def _product(event: AdverseEvent, rules: Protocol, supplement: CaseSupplement, *, blinded: bool) -> CaseDrug:
    """Return the investigational product: each infusion with its time. Lots and cells are not in this room."""
    infusions = milestones([event.patient])[event.patient.pk]
    named = (
        _BLINDED
        if blinded or rules.dosing is None or rules.dosing.title is None
        else rules.dosing.title.in_language("en")
    )
    return CaseDrug(
        role="1",
        name=named,
        blinded=blinded,
        country=rules.trial.site.country,
        doses=tuple(
            DoseGiven(start=times.of_moment(given.at), text=f"Infusion {given.number}") for given in infusions
        ),
        indications=supplement.indications,
        action=ACTIONS[event.action_taken],
        relations=_relations(event, rules, supplement),
    )  # fmt: skip


def _relations(
    event: AdverseEvent, rules: Protocol, supplement: CaseSupplement
) -> tuple[DrugEventRelation, ...]:
    opinions = list(supplement.sponsor_opinions)
    if event.causality:
        scale = dict(choices.causalities(rules))
        opinion = CausalityOpinion(
            source="Investigator",
            method="Global introspection",
            result=scale.get(event.causality, event.causality)[:60],
            eu_source="1",
            eu_method="1",
            eu_result="1" if related(event.causality) else "2",
        )
        opinions.insert(0, opinion)
    return (DrugEventRelation(event=0, opinions=tuple(opinions)),) if opinions else ()
