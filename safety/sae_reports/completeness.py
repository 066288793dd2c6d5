"""Gaps in a report of a serious event: sentences in the reader's language, by element of E2B(R3)."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from patients.participation.treatment.product_codes import LEAST_SIGNS, product_codes
from protocol.document.design import Arm
from protocol.document.document import Protocol
from protocol.document.product import ProductVersion
from safety.icsr.case import IndividualCase
from safety.icsr.checking import SENTENCES, CaseFinding, LoadedDictionary
from safety.icsr.conformance import findings
from safety.models import AdverseEvent
from safety.sae_reports.event_case import case_of
from safety.sae_reports.stored import SaeReport
from safety.sae_reports.supplement import NOTHING, CaseSupplement
from trials.models import Trial

# What drug safety gives on its own pages, which the site does not read.
OF_DRUG_SAFETY = (
    "N.", "C.1.7", "D.7", "D.9.2", "D.9.3", "D.9.4", "E.i.2.1", "G.k.7", "H.3", "H.4",
)  # fmt: skip
# English, French and Spanish: a site may write in any of them.
WORDS_FOR_ARMS = frozenset({
    "placebo", "verum", "active arm", "active treatment", "control arm", "bras actif", "bras contrôle",
    "traitement actif", "brazo activo", "brazo de control", "tratamiento activo",
})  # fmt: skip


@dataclass(frozen=True)
class CheckedCase:
    """A case and what keeps it from being sent to the authority."""

    case: IndividualCase
    findings: tuple[CaseFinding, ...]

    @property
    def of_the_site(self) -> list[str]:
        """Return the elements that the site can add, whatever drug safety has added: the same in every arm."""
        return [sentence_of(each) for each in self.findings if not each.element.startswith(OF_DRUG_SAFETY)]

    @property
    def sentences(self) -> list[str]:
        """Return gaps and mistakes, one sentence for each element."""
        return [sentence_of(finding) for finding in self.findings]


def checked_case(
    *,
    event: AdverseEvent,
    reports: list[SaeReport],
    now: datetime | None = None,
    supplement: CaseSupplement = NOTHING,
) -> CheckedCase:
    """Return the case of an event with its findings, as of the last of these reports."""
    trial = event.patient.trial
    at = (now or timezone.now()).astimezone(trial.zone)
    case = case_of(event=event, reports=reports, now=at, supplement=supplement, blinded=trial.masked)
    return _checked(case, trial, at, supplement.dictionary)


def rechecked(event: AdverseEvent, case: IndividualCase, dictionary: LoadedDictionary | None) -> CheckedCase:
    """Return a case that was made otherwise with its findings, such as one whose treatment was opened."""
    trial = event.patient.trial
    return _checked(case, trial, timezone.now().astimezone(trial.zone), dictionary)


def _checked(
    case: IndividualCase, trial: Trial, at: datetime, dictionary: LoadedDictionary | None
) -> CheckedCase:
    found = findings(
        case,
        now=at,
        dictionary=dictionary,
        production=settings.PRODUCTION,
        secrets=treatment_words(trial),
    )
    return CheckedCase(case, found)


def treatment_words(trial: Trial) -> set[str]:
    """Return the words that name an arm or a product of a masked trial, in every language; none in an open one.

    Titles and codes of arms and products with cells, the words for arms, and the codes of lots, bags, donors and kits.
    One query.
    They are the same for every patient, so that a refusal tells nothing about this one.
    """
    if not trial.masked:
        return set()
    rules = trial.rules
    named: list[Arm | ProductVersion] = [
        *rules.arms,
        *(product for product in rules.products if product.code in _with_cells(rules)),
    ]
    languages = {*rules.trial.site.languages, "en"}
    titles = {each.title.in_language(language) for each in named for language in languages}
    codes = {each.code for each in named if len(each.code) >= LEAST_SIGNS}
    return titles | codes | WORDS_FOR_ARMS | product_codes(trial)


def _with_cells(rules: Protocol) -> set[str]:
    """Return the codes of the products that hold cells. The other may be a fluid that every ward gives."""
    return {product.code for product in rules.products if product.cells}


def sentence_of(finding: CaseFinding) -> str:
    """Return the mistake in an element, in words."""
    words = finding.words
    named = str(words["name"])
    name = _(named) if named else ""
    return _(SENTENCES[finding.flaw]) % {**words, "name": name}
