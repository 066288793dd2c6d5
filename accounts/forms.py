"""Forms for signing in, for one's own password and address."""

from typing import Any

from allauth.account.forms import ChangePasswordForm, LoginForm
from allauth.core import context
from allauth.mfa.base.forms import AuthenticateForm
from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.models import normal_username
from accounts.sign_in import attempts, known_browsers
from accounts.sign_in.adapters import too_early

CODE_INPUT = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}


class SignInForm(LoginForm):
    """User name and password; the user name is accepted in any case and width."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].label = _("User name")
        self.fields["login"].widget.attrs = {
            "autocomplete": "username",
            "autocapitalize": "none",
            "spellcheck": "false",
            "autofocus": True,
        }
        self.fields["password"].widget.attrs.pop("placeholder", None)

    def clean_login(self) -> str:
        """Return the user name in its stored spelling."""
        return normal_username(self.cleaned_data["login"])


class OwnPasswordForm(ChangePasswordForm):
    """A new password for the own account: long, not common, not the current one; no other rules (SEC-04, SEC-05)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        labels = (_("Present password"), _("New password"), _("New password again"))
        for field, label in zip(self.fields.values(), labels, strict=True):
            field.label, field.help_text = label, ""
            field.widget.attrs.pop("placeholder", None)
        self.fields["password1"].help_text = _(
            "At least 12 characters. A few unrelated words are good and easy to type."
        )

    def clean_password1(self) -> str:
        """Refuse the current password."""
        password = self.cleaned_data["password1"]
        if self.user.check_password(password):
            raise ValidationError(_("This is your present password. Choose another."))
        return password


class ChosenPasswordForm(forms.Form):
    """A password chosen with a link: typed twice."""

    password1 = forms.CharField(
        label=_("New password"),
        strip=False,
        max_length=1000,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("At least 12 characters. A few unrelated words are good and easy to type."),
    )
    password2 = forms.CharField(
        label=_("New password again"),
        strip=False,
        max_length=1000,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean(self) -> dict[str, Any]:
        """Refuse two different passwords."""
        found = super().clean() or {}
        if {"password1", "password2"} <= set(found) and found["password1"] != found["password2"]:
            self.add_error("password2", _("The two passwords are not the same."))
        return found


class TwoHalvesForm(ChosenPasswordForm):
    """The two halves of a code, handed over by two people, and the password chosen with them."""

    first_half = forms.CharField(
        label=_("First half of the code"), max_length=40, widget=forms.TextInput(attrs=CODE_INPUT)
    )
    second_half = forms.CharField(
        label=_("Second half of the code"), max_length=40, widget=forms.TextInput(attrs=CODE_INPUT)
    )
    field_order = ("first_half", "second_half", "password1", "password2")


class OwnAddressForm(forms.Form):
    """The e-mail address to which links for a password go; changed by its owner only, with the password."""

    email = forms.EmailField(label=_("E-mail"), required=False, max_length=254)
    password = forms.CharField(
        label=_("Password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class FactorCodeForm(AuthenticateForm):
    """The code of an app, or a recovery code, after the correct password. Wrong codes make the next one wait."""

    def clean_code(self) -> str:
        """Return the code if it is right. Raises ValidationError, also for a code that comes too early."""
        browser = known_browsers.browser_of(context.request, self.user)
        subject = attempts.AttemptSubject("factor", f"{self.user.pk} {browser}")
        if seconds := attempts.claim([subject]):
            raise too_early(seconds)
        code = super().clean_code()
        attempts.succeeded([subject])
        return code
