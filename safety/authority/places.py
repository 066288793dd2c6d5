"""Where an element that is missing in a case is entered: the page with its words, or the protocol file."""

from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext as _

from safety.authority.stored import CaseTerm
from safety.icsr.checking import CaseFinding
from safety.models import AdverseEvent
from safety.sae_reports.completeness import sentence_of

Use = CaseTerm.Use
# By the beginning of the element; the first that fits counts.
FIELDS = {
    "N.1.3": "sender", "N.2.r.2": "sender", "N.1.4": "receiver", "N.2.r.3": "receiver", "C.1.7": "expedited",
    "D.7.2": "history_text", "D.9.3": "autopsy", "H.4": "sender_comment",
}  # fmt: skip
TERMS = {
    "E.i.2.1": Use.EVENT, "D.7.1": Use.HISTORY, "G.k.7": Use.INDICATION, "D.9.2": Use.CAUSE_OF_DEATH,
    "D.9.4": Use.AUTOPSY_CAUSE, "H.3": Use.DIAGNOSIS,
}  # fmt: skip
CASEBOOK = ("D.2", "D.3", "D.5", "G.k.4")
PROTOCOL = ("C.5", "C.3", "C.2", "C.1.1", "C.1.8", "N.1.2", "E.i.9", "E.i.1.1b", "G.k.2")


@dataclass(frozen=True)
class MissingElement:
    """One sentence of the completeness list, with where to enter it. address: empty for the protocol file."""

    sentence: str
    place: str
    address: str


def missing_of(event: AdverseEvent, found: tuple[CaseFinding, ...]) -> list[MissingElement]:
    """Return the reasons that keep a case from being sent, each with its place."""
    return [MissingElement(sentence_of(each), *_place(event, each.element)) for each in found]


def _place(event: AdverseEvent, element: str) -> tuple[str, str]:
    slug, code = event.patient.trial.slug, event.patient.code
    one = [slug, code, event.number]
    if name := _of(FIELDS, element):
        return _("Answers of drug safety"), f"{reverse('safety:authority-answers', args=one)}#id_{name}"
    if use := _of(TERMS, element):
        return _("Coded terms of the case"), reverse("safety:authority-term", args=one, query={"use": use})
    if element.startswith(("H", "C.1.4", "C.1.5")):
        return _("Reports of the site to the sponsor"), reverse("safety:sae-reports", args=one)
    if element.startswith("G.k.9"):
        return _("Judgement of the sponsor"), reverse("safety:case", args=one)
    if element.startswith("D.9"):
        return _("End of study of the patient"), reverse("patients:end", args=[slug, code])
    if element.startswith(CASEBOOK):
        return _("Casebook of the patient"), reverse("reports:casebook", args=[slug, code])
    if element.startswith(PROTOCOL):
        return _("Protocol file of the trial"), ""
    return _("Answers of the site"), reverse("safety:event", args=one)


def _of(places: dict[str, str] | dict[str, Use], element: str) -> str:
    return next((str(name) for start, name in places.items() if element.startswith(start)), "")
