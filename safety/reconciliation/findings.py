"""One finding of the reconciliation: what contradicts what, and the stored fact that a query can ask about."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from patients.models import Patient

Address = tuple[str, tuple[object, ...], str]


class FindingKind(StrEnum):
    """The kind of a difference between two records."""

    FATAL_WITHOUT_DEATH = "fatal_without_death"
    DEATH_WITHOUT_FATAL = "death_without_fatal"
    DEATH_AND_EVENT = "death_and_event"
    STAY_WITHOUT_EVENT = "stay_without_event"
    EVENT_WITHOUT_STAY = "event_without_stay"
    MEDICINE_WITHOUT_EVENT = "medicine_without_event"
    MEDICINE_BEFORE_EVENT = "medicine_before_event"
    ERROR_WITHOUT_DEVIATION = "error_without_deviation"
    DEVIATION_WITHOUT_EVENT = "deviation_without_event"
    PROHIBITED_WITHOUT_MEDICINE = "prohibited_without_medicine"
    RESULT_WITHOUT_EVENT = "result_without_event"
    RESULT_AND_EVENT = "result_and_event"
    UNKNOWN_SUBJECT = "unknown_subject"
    ONLY_AT_SPONSOR = "only_at_sponsor"
    ONLY_AT_SITE = "only_at_site"
    LIST_DIFFERS = "list_differs"


TITLES: dict[FindingKind, str | Promise] = {
    FindingKind.FATAL_WITHOUT_DEATH: _("Fatal event, no death"),
    FindingKind.DEATH_WITHOUT_FATAL: _("Death, no fatal event"),
    FindingKind.DEATH_AND_EVENT: _("Event and death disagree"),
    FindingKind.STAY_WITHOUT_EVENT: _("Stay in hospital, no event"),
    FindingKind.EVENT_WITHOUT_STAY: _("Hospitalisation, no stay"),
    FindingKind.MEDICINE_WITHOUT_EVENT: _("Medicine for an event, no event"),
    FindingKind.MEDICINE_BEFORE_EVENT: _("Treatment began before the event"),
    FindingKind.ERROR_WITHOUT_DEVIATION: _("Medication error or misuse, no deviation"),
    FindingKind.DEVIATION_WITHOUT_EVENT: _("Deviation of an event in error"),
    FindingKind.PROHIBITED_WITHOUT_MEDICINE: _("Prohibited medicine, not in the medication"),
    FindingKind.RESULT_WITHOUT_EVENT: _("Significant result, no event"),
    FindingKind.RESULT_AND_EVENT: _("Result and its event disagree"),
    FindingKind.UNKNOWN_SUBJECT: _("Sponsor’s list: no such patient"),
    FindingKind.ONLY_AT_SPONSOR: _("Only in the sponsor’s list"),
    FindingKind.ONLY_AT_SITE: _("Not in the sponsor’s list"),
    FindingKind.LIST_DIFFERS: _("Sponsor’s list differs"),
}


@dataclass(frozen=True, slots=True)
class AskedFact:
    """The fact that a query asks about. target: as `Query.Target`; key: of the row, for a form its record."""

    target: str
    key: int
    item: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One mismatch.

    about: which rows are compared, such as `AE 3`; with kind and patient it names the finding. values: what the
    rows say; a settlement holds only as long as they stay. asked: None if no query can ask about it.
    """

    kind: FindingKind
    patient: Patient | None
    about: str
    values: tuple[object, ...]
    text: str
    address: Address | None = None
    asked: AskedFact | None = None

    @property
    def name(self) -> str:
        """Return what is compared, the same for every reader and whatever the values are."""
        patient = self.patient.pk if self.patient else ""
        return f"{self.kind}:{patient}:{self.about}"[:200]

    @property
    def digest(self) -> str:
        """Return a digest of the values that disagree."""
        return hashlib.sha256(repr(self.values).encode()).hexdigest()

    @property
    def key(self) -> str:
        """Return the value of the row's checkbox: the finding with its values."""
        return hashlib.sha256(f"{self.name}|{self.digest}".encode()).hexdigest()[:24]

    @property
    def url(self) -> str:
        """Return the address of the record that may be wrong; empty if there is none."""
        if self.address is None:
            return ""
        name, arguments, fragment = self.address
        return f"{reverse(name, args=arguments)}{fragment}"
