"""The forms of the recipients of a lot and of instructions for treatment."""

from typing import Any
from uuid import uuid4

from django import forms
from django.utils.translation import gettext_lazy as _

from trials.forms import VerbForm


def _password() -> forms.CharField:
    return forms.CharField(
        label=_("Password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        help_text=_("Asked each time, also if you have just signed in."),
    )


def _long(label: Any, help_text: Any = "") -> forms.CharField:
    return forms.CharField(
        label=label, help_text=help_text, max_length=4000, widget=forms.Textarea(attrs={"rows": 4})
    )


class RecipientsForm(VerbForm):
    """Why a blinded person has to know who received a lot."""

    reason = _long(_("Why the recipients have to be known"))
    password = _password()


class InstructionForm(VerbForm):
    """The instruction to the investigator for one patient."""

    text = _long(
        _("What the investigator has to do"),
        _(
            "Write only what the treatment of this patient needs. The investigator opens it with the password."
        ),
    )
    reason = _long(_("Reason"), _("Read only by those who may know the treatment."))
    password = _password()
    save_key = forms.CharField(max_length=64, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["save_key"].initial = uuid4().hex


class OpenInstructionForm(VerbForm):
    """The password that opens an instruction; not asked in an open trial."""

    password = _password()
    save_key = forms.CharField(max_length=64, widget=forms.HiddenInput)

    def __init__(self, *args: Any, masked: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not masked:
            del self.fields["password"]
        self.fields["save_key"].initial = uuid4().hex

    def facts(self) -> dict[str, str]:
        """Return the arguments of the verb."""
        return {"password": "", **self.cleaned_data}
