"""Base form for actions outside data entry: its fields, one action, and refusals beside the fields."""

from collections.abc import Callable
from typing import Any

from crispy_forms.helper import FormHelper
from django import forms
from django.core.exceptions import ValidationError

from trials.date_fields import on_clock_of


class VerbForm(forms.Form):
    """A form that ends in one verb: what the verb refuses is shown beside the field it names.

    zone: the clock of the site, on which days are read.
    """

    def __init__(self, *args: Any, zone: str = "UTC", **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)
        on_clock_of(self, zone)
        self.helper = FormHelper()
        self.helper.form_tag = False
        self.helper.disable_csrf = True
        self.result: Any = None

    def run(self, verb: Callable[..., Any], **arguments: Any) -> bool:
        """Call `verb` and store its result. Return False, with the errors in the form, if it refused."""
        try:
            self.result = verb(**arguments)
        except ValidationError as refusal:
            self.refuse(refusal)
            return False
        return True

    def refuse(self, refusal: ValidationError) -> None:
        """Add the errors to the fields they name, or to the form."""
        if not hasattr(refusal, "error_dict"):
            self.add_error(None, refusal)
            return
        for name, errors in refusal.error_dict.items():
            self.add_error(name if name in self.fields else None, errors)
