"""Filters of the coding list."""

from typing import Any

import django_filters
from django.db.models import Exists, F, OuterRef, QuerySet
from django.utils.translation import gettext_lazy as _

from safety.dictionaries.coding import CodingState
from safety.dictionaries.models import Dictionary, DictionaryTerm
from safety.models import AdverseEvent

STATES = {
    CodingState.UNCODED: _("Not coded"),
    CodingState.GONE: _("Code no longer exists"),
    CodingState.WORDS_CHANGED: _("Words changed since"),
    CodingState.OLDER: _("Coded in an older release"),
    CodingState.CODED: _("Coded"),
}
TONES = {
    CodingState.UNCODED: "due",
    CodingState.GONE: "late",
    CodingState.WORDS_CHANGED: "draft",
    CodingState.OLDER: "draft",
    CodingState.CODED: "done",
}


class CodingFilter(django_filters.FilterSet):
    """How the code of an event stands in the dictionary of the trial."""

    state = django_filters.ChoiceFilter(
        label=_("Coding"), choices=[(state.value, words) for state, words in STATES.items()], method="by_state",
        empty_label=_("Any"),
    )  # fmt: skip

    class Meta:
        model = AdverseEvent
        fields: list[str] = []

    def __init__(self, *args: Any, dictionary: Dictionary | None, **kwargs: Any) -> None:
        self.dictionary = dictionary
        super().__init__(*args, **kwargs)

    def by_state(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keep events whose code stands like that: the first state that applies, as the page shows it."""
        if value == CodingState.UNCODED:
            return rows.filter(coding=None)
        coded = rows.filter(coding__isnull=False)
        known = DictionaryTerm.objects.filter(
            dictionary=self.dictionary, is_current=True, code=OuterRef("coding__code")
        )
        own = coded.filter(coding__dictionary=self.dictionary)
        other = coded.exclude(coding__dictionary=self.dictionary) if self.dictionary else coded.none()
        same_kind = other.filter(coding__dictionary__kind=self.dictionary.kind) if self.dictionary else other
        match value:
            case CodingState.GONE:
                older = same_kind.filter(Exists(known)).values("pk")
                return other.exclude(pk__in=older)
            case CodingState.OLDER:
                return same_kind.filter(Exists(known))
        own = own if self.dictionary else coded
        if value == CodingState.WORDS_CHANGED:
            return own.exclude(coding__coded_words=F("term"))
        return own.filter(coding__coded_words=F("term"))
