"""Check a case before it is written: every mandatory and conditional rule of E2B(R3) that concerns a trial.

Sources: ICH E2B(R3) core data elements with their conformance and business rules; EU clinical trials also need the
registration number with its country, the country of the event, and a causality assessment (CTR Annex III §2.3).
"""

from collections.abc import Collection
from datetime import datetime

from safety.icsr import blinded, drug_rules, event_rules, patient_rules, report_rules
from safety.icsr.case import IndividualCase
from safety.icsr.checking import CaseFinding, Findings, Flaw, LoadedDictionary

MEDDRA_NAME, TEST_NAME = "MedDRA", "TEST"


def findings(
    case: IndividualCase,
    *,
    now: datetime,
    dictionary: LoadedDictionary | None,
    production: bool = True,
    secrets: Collection[str] = (),
) -> tuple[CaseFinding, ...]:
    """Return gaps and mistakes, in the order of the sections; empty if the case can be sent.

    dictionary: the dictionary that is loaded, or None. production: refuse the invented dictionary TEST. secrets: words
    that tell the treatment (arm, product, lots), which a blinded case must not hold.
    """
    collected = Findings(now, dictionary)
    names = {MEDDRA_NAME} if production else {MEDDRA_NAME, TEST_NAME}
    if dictionary is not None and dictionary.name not in names:
        collected.add("E.i.2.1a", Flaw.TEST_DICTIONARY)
    report_rules.check(case, collected)
    patient_rules.check(case, collected)
    event_rules.check(case, collected)
    drug_rules.check(case, collected)
    blinded.check(case, collected, secrets)
    return tuple(collected.found)
