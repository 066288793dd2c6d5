"""The form field of a measured value with its unit, typed with decimal comma or point."""

from decimal import Decimal
from typing import Any

from django import forms

from protocol.values.parsing import too_many_decimals
from protocol.values.refusals import ValueRefused
from protocol.values.written_numbers import canonical, refuse_ambiguous
from trials.reader import reader_language, shown_sentence


class MeasureField(forms.CharField):
    """A number with a unit, typed with decimal comma or point. Cleans to a `Decimal`; nothing is rounded.

    unit: shown beside the input. places: the most decimals that are accepted.
    """

    def __init__(self, *, unit: str, places: int, **kwargs: Any) -> None:
        self.unit, self.places = unit, places
        kwargs.setdefault("max_length", 24)
        super().__init__(**kwargs)
        self.widget.attrs.update({"autocomplete": "off", "inputmode": "decimal"})

    def clean(self, value: Any) -> Decimal | None:
        """Return the number, None if empty and not required. Raises ValidationError with a message for the user."""
        text = super().clean(value)
        if not text:
            return None
        try:
            number = canonical(text)
        except ValueRefused as refused:
            raise forms.ValidationError(shown_sentence(refused)) from refused
        if number is None:
            return None
        if len(number.partition(".")[2]) > self.places:
            raise forms.ValidationError(shown_sentence(too_many_decimals(self.places)))
        try:
            refuse_ambiguous(text, reader_language())
        except ValueRefused as refused:
            raise forms.ValidationError(shown_sentence(refused)) from refused
        return Decimal(number)
