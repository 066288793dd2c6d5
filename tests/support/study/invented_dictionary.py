"""The invented release TEST of MedDRA: no word or code of the real one. Production refuses it."""

from typing import Any

from audit.context import acting
from safety.dictionaries.files import FileTerm, Release
from safety.dictionaries.loading import INVENTED, load_dictionary
from safety.dictionaries.models import Dictionary, DictionaryTerm
from safety.models import AdverseEvent, CaseTerm

TERMS = {
    "90000001": "Invented fever",
    "90000002": "Invented reaction to an infusion",
    "90000003": "Invented pneumonia",
    "90000004": "Invented high pressure",
    "90000005": "Invented failure of a heart",
}


def invented_dictionary() -> Dictionary:
    """Load the invented release."""
    terms = [FileTerm(code, name, name, "Invented class") for code, name in TERMS.items()]
    with acting(system="test"):
        return load_dictionary(kind="meddra", version=INVENTED, release=Release(terms, "0" * 64))[0]


def invented_term(code: str = "90000001") -> DictionaryTerm:
    """Return a term of the loaded invented release."""
    return DictionaryTerm.objects.get(code=code, dictionary__version=INVENTED)


def name_release(trial: Any, monkeypatch: Any, version: str = INVENTED) -> None:
    """Let the protocol file of a trial name a release of MedDRA."""
    safety = trial.rules.safety.model_copy(update={"meddra": version})
    monkeypatch.setitem(trial.rules.__dict__, "safety", safety)


def coded_case(event: AdverseEvent) -> CaseTerm:
    """Give a case a term of the invented release, whatever its protocol file names. Someone acts already."""
    dictionary = Dictionary.objects.filter(version=INVENTED).first() or invented_dictionary()
    return CaseTerm.objects.create(
        event=event, patient=event.patient, use="history", dictionary=dictionary, code="90000003",
        name=TERMS["90000003"],
    )  # fmt: skip
