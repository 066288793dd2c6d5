"""Answers offered for an adverse event in one trial: causality scale, special interests, seriousness."""

from django.utils.translation import gettext as _

from protocol.document.document import Protocol
from safety.classification import NONE_OF_THESE
from safety.models import CRITERIA, NOT_OF_SPECIAL_INTEREST, AdverseEvent
from trials.reader import reader_language

Choices = list[tuple[str, str]]


def causalities(rules: Protocol) -> Choices:
    """Return the protocol's causality scale, or the default one from definite to not related."""
    own = rules.safety.causality
    if not own:
        return [(code, str(label)) for code, label in AdverseEvent.Causality.choices]
    known = {code: str(label) for code, label in AdverseEvent.Causality.choices}
    return [(each.code, known.get(each.code) or each.title.in_language(_language())) for each in own]


def special_interests(rules: Protocol) -> Choices:
    """Return the protocol's categories and “Not of special interest”; empty if the protocol has none."""
    own = [(each.code, each.title.in_language(_language())) for each in rules.safety.aesi]
    return [*own, (NOT_OF_SPECIAL_INTEREST, _("Not of special interest"))] if own else []


def seriousness() -> Choices:
    """Return the six criteria and “none of these”, coded by the names of the event's columns."""
    return [(name, _label(name)) for name in (*CRITERIA, NONE_OF_THESE)]


def causes() -> dict[str, str]:
    """Return the other possible causes of an event, by column."""
    return {
        "causality_infusion": _("Due to the infusion procedure"),
        "causality_premedication": _("Due to the premedication"),
        "causality_procedure": _("Due to a study procedure"),
        "causality_disease": _("Due to the disease"),
    }


def _label(name: str) -> str:
    return str(AdverseEvent._meta.get_field(name).verbose_name)  # type: ignore[union-attr]


def _language() -> str:
    return reader_language()
