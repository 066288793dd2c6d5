"""Base form for actions outside data entry: its fields, one action, and refusals beside the fields."""

from collections.abc import Callable
from typing import Any

from crispy_forms.helper import FormHelper
from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

DAY = "%d-%b-%Y"


class DayField(forms.DateField):
    """A date typed as `09-Oct-2025`, `9/10/2025` or `2025-10-09`."""

    widget = forms.DateInput(format=DAY, attrs={"class": "w-short", "autocomplete": "off"})

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("help_text", _("dd-MMM-yyyy, such as 09-Oct-2025"))
        super().__init__(input_formats=[DAY, "%d %b %Y", "%d/%m/%Y", "%Y-%m-%d"], **kwargs)


class VerbForm(forms.Form):
    """A form that ends in one action; the errors of the action are shown beside the fields they name."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)
        self.helper = FormHelper()
        self.helper.form_tag = False
        self.helper.disable_csrf = True
        self.result: Any = None

    def carried_out(self, verb: Callable[..., Any], **arguments: Any) -> bool:
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
