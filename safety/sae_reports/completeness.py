"""What is missing in a report of a serious event: sentences in the reader's language, by element of E2B(R3)."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from safety.icsr.case import IndividualCase
from safety.icsr.checking import SENTENCES, CaseFinding
from safety.icsr.conformance import findings
from safety.models import AdverseEvent
from safety.sae_reports.event_case import case_of
from safety.sae_reports.stored import SaeReport
from safety.sae_reports.supplement import NOTHING, CaseSupplement
from trials.models import Trial


@dataclass(frozen=True)
class CheckedCase:
    """A case and what keeps it from being sent to the authority."""

    case: IndividualCase
    findings: tuple[CaseFinding, ...]

    @property
    def sentences(self) -> list[str]:
        """Return what is missing or wrong, one sentence for each element."""
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
    found = findings(
        case,
        now=at,
        dictionary=supplement.dictionary,
        production=settings.PRODUCTION,
        secrets=treatment_words(trial),
    )
    return CheckedCase(case, found)


def treatment_words(trial: Trial) -> set[str]:
    """Return the words that name an arm of a masked trial, in every language of the site; none in an open one.

    They are the same for every patient, so that a refusal tells nothing about this one.
    """
    if not trial.masked:
        return set()
    languages = trial.rules.trial.site.languages
    titles = {arm.title.in_language(each) for arm in trial.rules.arms for each in languages}
    return titles | {arm.code for arm in trial.rules.arms}


def sentence_of(finding: CaseFinding) -> str:
    """Return what is wrong with an element, in words."""
    words = finding.words
    named = str(words["name"])
    name = _(named) if named else ""
    return _(SENTENCES[finding.flaw]) % {**words, "name": name}
