"""Drug safety completes a case for the authority: its own answers, and terms of MedDRA (ICS-01, ICS-06)."""

from typing import TypedDict, Unpack

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from audit.context import because
from audit.stored_text import system_text
from patients.participation.lifecycle import lock_patient
from safety.authority.case_parts import meddra_of
from safety.authority.stored import AuthorityCase, CaseTerm
from safety.dictionaries.models import DictionaryTerm
from safety.models import AdverseEvent
from safety.sae_reports.sending import may_be_reported
from safety.sponsor.cases import StaleCase

LONGEST = {"sender": 60, "receiver": 60, "history_text": 10_000, "sender_comment": 20_000}


class CaseAnswers(TypedDict, total=False):
    """The answers of drug safety. A missing or empty key: not answered yet."""

    sender: str
    receiver: str
    expedited: str
    history_text: str
    autopsy: str
    sender_comment: str


@transaction.atomic
def complete_case(
    *, event: AdverseEvent, version: int, by: User, **answers: Unpack[CaseAnswers]
) -> AuthorityCase:
    """Store the answers of drug safety for the authority (version 0: the first ones).

    Raises StaleCase if they changed since they were shown, and ValidationError for each refused answer.
    """
    row = held_event(event)
    case = AuthorityCase.objects.filter(event=row).first()
    if (case.version if case else 0) != version:
        raise StaleCase
    texts = {name: str(answers.get(name, "")).strip() for name in CaseAnswers.__annotations__}
    if errors := _errors(texts):
        raise ValidationError(errors)
    case = case or AuthorityCase(event=row, patient=row.patient, version=0)
    if case.version and all(getattr(case, name) == text for name, text in texts.items()):
        raise ValidationError(_("Nothing was changed: there is nothing to save."))
    for name, text in texts.items():
        setattr(case, name, text)
    case.version += 1
    with because(system_text("case.completed")):
        case.save()
    return case


def _errors(texts: dict[str, str]) -> dict[str, str]:
    errors = {
        name: _("Use at most %(longest)s characters.") % {"longest": longest}
        for name, longest in LONGEST.items()
        if len(texts[name]) > longest
    }
    for name, offered in (("expedited", AuthorityCase.Answer), ("autopsy", AuthorityCase.Autopsy)):
        if texts[name] and texts[name] not in offered.values:
            errors[name] = _("Choose one of the answers offered.")
    return errors


@transaction.atomic
def add_term(*, event: AdverseEvent, use: str, term: DictionaryTerm, by: User) -> CaseTerm:
    """Give a case a term of the MedDRA release that the protocol file names. The event has one term.

    Raises ValidationError for a term of another dictionary or no longer current, and for one that the case has.
    """
    row = held_event(event)
    dictionary = meddra_of(row.patient.trial.rules)
    if dictionary is None or term.dictionary_id != dictionary.pk or not term.is_current:
        raise ValidationError({"code": _("Choose a term of the dictionary of the trial.")})
    if use not in CaseTerm.Use.values:
        raise ValidationError({"use": _("Choose one of the answers offered.")})
    known = row.case_terms.filter(removed_reason="", use=use)
    if known.filter(code=term.code).exists() or (use == CaseTerm.Use.EVENT and known.exists()):
        raise ValidationError(
            {"code": _("The case has a term there already. Take it out first, then add the other.")}
        )
    with because(system_text("case.coded")):
        return CaseTerm.objects.create(
            event=row, patient=row.patient, use=use, dictionary=dictionary, code=term.code, name=term.name
        )


@transaction.atomic
def remove_term(*, term: CaseTerm, reason: str, by: User) -> CaseTerm:
    """Take a term out of a case, with a reason; the row stays. Raises ValidationError without a reason, or twice."""
    held_event(term.event)
    row = CaseTerm.objects.get(pk=term.pk)
    if row.removed_reason:
        raise ValidationError(_("This term was taken out already."))
    if not reason.strip():
        raise ValidationError({"reason": _("Say why this is changed.")})
    row.removed_reason = reason.strip()
    with because(reason.strip()):
        row.save(update_fields=["removed_reason"])
    return row


def held_event(event: AdverseEvent) -> AdverseEvent:
    """Lock the patient and return the event as it is now. Raises ValidationError if it is not with drug safety."""
    patient = lock_patient(event.patient)
    row = AdverseEvent.objects.get(pk=event.pk)
    row.patient = patient
    if not may_be_reported(row):
        raise ValidationError(_("This event is not reported to the sponsor: it is not serious."))
    if not row.with_sponsor:
        raise ValidationError(_("Begin the case first: judge causality and expectedness."))
    return row
