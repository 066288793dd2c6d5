"""Forms for signing in and for changing one's own password."""

from typing import Any

from allauth.account.forms import ChangePasswordForm, LoginForm
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.models import normal_username


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
        """Refuse the current password: an initial password is known to another person."""
        password = self.cleaned_data["password1"]
        if self.user.check_password(password):
            raise ValidationError(_("This is your present password. Choose another."))
        return password
