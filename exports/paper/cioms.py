"""A case on the form CIOMS I, as PDF (ICS-05). The data are those of the E2B(R3) case; nothing is added."""

from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from exports.paper import labels
from exports.paper.audience import Audience
from exports.paper.casebook import trial_words
from exports.paper.typesetting import Making, typeset
from safety.icsr.case import Absent, CaseDrug, CaseTest, IndividualCase, Reaction
from safety.sae_reports.sheet import ABSENT

# The boxes 8 to 12 of the form, by the letter of E.i.3.2.
BOXES = ("a", "c", "d", "b", "e", "f")
SEXES = {"1": "M", "2": "F"}


def write_cioms(*, case: IndividualCase, kind: str, audience: Audience, making: Making, out: Path) -> str:
    """Write the form and return the SHA-256 of its data. `kind`: initial report or follow-up, in words."""
    head = {
        "language": audience.language.partition("-")[0],
        "title": _("Suspect adverse reaction report"),
        "kind": _("CIOMS form I"),
        "trial": trial_words(audience),
        "words": {name: str(each) for name, each in {**labels.COMMON, **labels.CIOMS}.items()},
    }
    parts = [form_of(case, kind)]
    return typeset(template="cioms", head=head, parts=parts, making=making, out=out)


def form_of(case: IndividualCase, kind: str) -> dict[str, Any]:
    """Return the texts of the boxes of the form."""
    patient, first = case.patient, case.events[0]
    suspects = [drug for drug in case.drugs if drug.role != "2"]
    return {
        "initials": _shown(patient.initials),
        "code": patient.investigation_number,
        "country": first.country,
        "born": _shown(patient.born),
        "age": " ".join(filter(None, (patient.age.number, patient.age.unit))),
        "sex": SEXES.get(str(patient.sex), _shown(patient.sex)),
        "onset": _shown(first.start),
        "events": [_event(event) for event in case.events],
        "tests": [_test(test) for test in case.tests],
        "narrative": case.narrative.text,
        "boxes": [[box, any(box in event.seriousness for event in case.events)] for box in BOXES],
        "suspects": [_drug(drug) for drug in suspects],
        "others": [_drug(drug) for drug in case.drugs if drug.role == "2"],
        "history": _shown(patient.history),
        "sender": " · ".join(filter(None, (case.sender.organisation, case.sender.country))),
        "number": case.identity.number,
        "received": case.identity.first_received,
        "created": case.identity.created,
        "study": case.study.sponsor_number if case.study else "",
        "kind": kind,
    }


def _shown(value: str | Absent) -> str:
    return _(ABSENT[value]) if isinstance(value, Absent) else value


def _event(event: Reaction) -> dict[str, str]:
    return {
        "words": event.native_text or event.translation,
        "code": " ".join(filter(None, (event.term.code, event.term.version))),
        "start": _shown(event.start),
        "end": _shown(event.end),
        "outcome": event.outcome,
    }


def _test(test: CaseTest) -> str:
    result = f"{test.comparator}{test.result.number} {test.result.unit}".strip() or test.result_text
    return f"{_shown(test.day)} {test.name}: {result}"


def _drug(drug: CaseDrug) -> dict[str, Any]:
    lots = ", ".join(dict.fromkeys(dose.lot for dose in drug.doses if dose.lot))
    return {
        "name": _("%(drug)s (blinded)") % {"drug": drug.name} if drug.blinded else drug.name,
        "lots": lots,
        "doses": [
            {
                "dose": " ".join(filter(None, (dose.dose.number, dose.dose.unit))) or dose.text,
                "route": dose.route,
                "from": _shown(dose.start),
                "to": _shown(dose.end),
                "lasted": " ".join(filter(None, (dose.duration.number, dose.duration.unit))),
            }
            for dose in drug.doses
        ],
        "indication": ", ".join(filter(None, (term.text or term.code for term in drug.indications))),
        "action": drug.action,
        "again": ", ".join(relation.recurred for relation in drug.relations if relation.recurred),
        "opinions": [
            f"{opinion.source or opinion.eu_source}: {opinion.result or opinion.eu_result}"
            for relation in drug.relations
            for opinion in relation.opinions
        ],
    }
