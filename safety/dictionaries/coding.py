"""Code adverse events in the dictionary of the trial; list what is not coded, or no longer rightly (SAF-10)."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audit.context import because
from audit.stored_text import system_text
from patients.participation.lifecycle import lock_patient, refuse_when_locked
from safety.dictionaries.loading import dictionary_of
from safety.dictionaries.models import Dictionary, DictionaryTerm, EventCoding
from safety.models import AdverseEvent


class CodingState(StrEnum):
    """How the code of an event stands."""

    UNCODED = "uncoded"
    GONE = "gone"
    WORDS_CHANGED = "words_changed"
    OLDER = "older"
    CODED = "coded"


@dataclass(frozen=True, slots=True)
class CodedEvent:
    """An event with its code, and the state of that code in the dictionary of the trial."""

    event: AdverseEvent
    coding: EventCoding | None
    state: CodingState

    @property
    def pk(self) -> int:
        """Return the key of the event."""
        return self.event.pk


def coded_events(events: Sequence[AdverseEvent], dictionary: Dictionary | None) -> list[CodedEvent]:
    """Return the events with their codes. Two queries.

    `gone`: the code does not exist in the dictionary of the trial, or is no longer current there.
    """
    rows = EventCoding.objects.filter(event__in=[each.pk for each in events]).select_related("dictionary")
    codings = {row.event_id: row for row in rows}
    own = [row.name for row in codings.values() if row.dictionary.kind == Dictionary.Kind.OWN]
    same = Q(code__in=[row.code for row in codings.values()]) | (Q(name__in=own) if own else Q())
    known = DictionaryTerm.objects.filter(same, dictionary=dictionary, is_current=True)
    current = frozenset(known.values_list("code", "name")) if dictionary is not None else frozenset()
    return [_coded(each, codings.get(each.pk), dictionary, current) for each in events]


def _coded(
    event: AdverseEvent,
    coding: EventCoding | None,
    dictionary: Dictionary | None,
    current: frozenset[tuple[str, str]],
) -> CodedEvent:
    """Return the event with the state of its code. current: (code, name) of terms that may be the same."""
    if coding is None:
        return CodedEvent(event, None, CodingState.UNCODED)
    state = CodingState.CODED
    if coding.coded_words != event.term:
        state = CodingState.WORDS_CHANGED
    if dictionary is not None and coding.dictionary_id != dictionary.pk:
        state = CodingState.OLDER if _still_exists(coding, dictionary, current) else CodingState.GONE
    return CodedEvent(event, coding, state)


def _still_exists(coding: EventCoding, dictionary: Dictionary, current: frozenset[tuple[str, str]]) -> bool:
    """Return whether the dictionary of the trial has the term of a code of another dictionary.

    The own list has names of CTCAE and no codes: its terms are compared by name, those of a release by code.
    """
    if coding.dictionary.kind == Dictionary.Kind.OWN and dictionary.kind == Dictionary.Kind.CTCAE:
        return any(name == coding.name for _code, name in current)
    same_kind = coding.dictionary.kind == dictionary.kind
    return same_kind and any(code == coding.code for code, _name in current)


@transaction.atomic
def code_event(
    *, event: AdverseEvent, term: DictionaryTerm, words: str, by: User, reason: str = ""
) -> EventCoding:
    """Store the code of an event in the dictionary of the trial; its words stay as they were reported.

    words: the words of the reporter that the coder was shown. Another code needs a reason. Raises ValidationError for
    a term of another dictionary or no longer current, for words that changed since, a locked patient, an event entered
    in error, and a recoding without a reason.
    """
    patient = lock_patient(event.patient)
    refuse_when_locked(patient)
    row = AdverseEvent.objects.get(pk=event.pk)
    dictionary = dictionary_of(patient.trial.rules)
    if dictionary is None or term.dictionary_id != dictionary.pk or not term.is_current:
        raise ValidationError({"code": _("Choose a term of the dictionary of the trial.")})
    if row.in_error:
        raise ValidationError(_("This event was entered in error: it stays as it is."))
    if row.term != words:
        raise ValidationError(_("The words of the event changed while you read them: look at them again."))
    coding = EventCoding.objects.filter(event=row).first()
    if coding is not None and not reason.strip():
        raise ValidationError({"reason": _("Say why the code is changed.")})
    coding = coding or EventCoding(event=row, patient=patient, trial_id=patient.trial_id)
    coding.dictionary, coding.code, coding.name = dictionary, term.code, term.name
    coding.preferred, coding.organ_class, coding.coded_words = term.preferred, term.organ_class, row.term
    coding.coded_at = timezone.now()
    with because(reason.strip() or system_text("event.coded")):
        coding.save()
    return coding
