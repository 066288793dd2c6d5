"""Filters of the coding list."""

from typing import Any

import django_filters
from django.db.models import Exists, F, OuterRef, Q, QuerySet
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
        own = coded.filter(coding__dictionary=self.dictionary)
        match value:
            case CodingState.GONE:
                older = self._older(coded).values("pk")
                return (
                    coded.exclude(pk__in=own.values("pk")).exclude(pk__in=older)
                    if self.dictionary
                    else coded.none()
                )
            case CodingState.OLDER:
                return self._older(coded)
        own = own if self.dictionary else coded
        if value == CodingState.WORDS_CHANGED:
            return own.exclude(coding__coded_words=F("term"))
        return own.filter(coding__coded_words=F("term"))

    def _older(self, coded: QuerySet[Any]) -> QuerySet[Any]:
        """Return the events coded in another dictionary whose term the dictionary of the trial has too."""
        if self.dictionary is None:
            return coded.none()
        current = DictionaryTerm.objects.filter(dictionary=self.dictionary, is_current=True)
        same: Any = Q(coding__dictionary__kind=self.dictionary.kind) & Exists(
            current.filter(code=OuterRef("coding__code"))
        )
        if self.dictionary.kind == Dictionary.Kind.CTCAE:
            # The own list has names of CTCAE and no codes.
            same |= Q(coding__dictionary__kind=Dictionary.Kind.OWN) & Exists(
                current.filter(name=OuterRef("coding__name"))
            )
        return coded.exclude(coding__dictionary=self.dictionary).filter(same)
