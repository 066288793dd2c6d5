"""Forms of signing in and of the people of a trial."""

from collections.abc import Callable
from typing import Any

from allauth.account.forms import ChangePasswordForm, LoginForm
from crispy_forms.helper import FormHelper
from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.models import normal_username
from accounts.roles import CHOICES

DAY = "%d-%b-%Y"


class SignInForm(LoginForm):
    """User name and password; any spelling of the user name is understood."""

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
        """Return the one spelling of the user name."""
        return normal_username(self.cleaned_data["login"])


class OwnPasswordForm(ChangePasswordForm):
    """A new password of one's own: long, not common, not the present one; no other rules (SEC-04, SEC-05)."""

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
        """Refuse the password that is in use: an initial one would stay known to another person."""
        password = self.cleaned_data["password1"]
        if self.user.check_password(password):
            raise ValidationError(_("This is your present password. Choose another."))
        return password


class DayField(forms.DateField):
    """A day as `09-Oct-2025`, `9/10/2025` or `2025-10-09`."""

    widget = forms.DateInput(format=DAY, attrs={"class": "w-short", "autocomplete": "off"})

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("help_text", _("dd-MMM-yyyy, such as 09-Oct-2025"))
        super().__init__(input_formats=[DAY, "%d %b %Y", "%d/%m/%Y", "%Y-%m-%d"], **kwargs)


class PeopleForm(forms.Form):
    """A form that ends in one verb: what the verb refuses is shown beside the field it names."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)
        self.helper = FormHelper()
        self.helper.form_tag = False
        self.helper.disable_csrf = True
        self.result: Any = None

    def carried_out(self, verb: Callable[..., Any], **arguments: Any) -> bool:
        """Call the verb and keep its result; tell whether it was done."""
        try:
            self.result = verb(**arguments)
        except ValidationError as refusal:
            self.refuse(refusal)
            return False
        return True

    def refuse(self, refusal: ValidationError) -> None:
        """Put the sentences beside the fields they name, or above the form."""
        if not hasattr(refusal, "error_dict"):
            self.add_error(None, refusal)
            return
        for name, errors in refusal.error_dict.items():
            self.add_error(name if name in self.fields else None, errors)


class RoleForm(PeopleForm):
    """A role between two days."""

    role = forms.ChoiceField(label=_("Role"), choices=[("", _("Choose a role")), *CHOICES])
    starts_on = DayField(label=_("First day"))
    ends_on = DayField(
        label=_("Last day"),
        required=False,
        help_text=_("Leave empty while no end is planned. An inspector's access needs one."),
    )


class NewPersonForm(RoleForm):
    """A person who is not known yet, with the first role."""

    username = forms.CharField(
        label=_("User name"), max_length=150, help_text=_("Never given to another person later.")
    )
    full_name = forms.CharField(
        label=_("Full name"), max_length=200, help_text=_("As it is printed with signatures.")
    )
    email = forms.EmailField(label=_("E-mail"), required=False)
    identity_verified_on = DayField(
        label=_("Identity verified on"), help_text=_("The day the person showed an identity document.")
    )
    field_order = ("full_name", "username", "email", "identity_verified_on", "role", "starts_on", "ends_on")

    def clean_username(self) -> str:
        """Return the one spelling of the user name."""
        return normal_username(self.cleaned_data["username"])


class KnownPersonForm(RoleForm):
    """A person who already has an account, with a role in this trial."""

    username = forms.CharField(label=_("User name"), max_length=150)
    field_order = ("username", "role", "starts_on", "ends_on")

    def clean_username(self) -> str:
        """Return the one spelling of the user name."""
        return normal_username(self.cleaned_data["username"])


class EndRoleForm(PeopleForm):
    """The last day of a role."""

    ends_on = DayField(
        label=_("Last day"),
        help_text=_("The access lasts to the end of this day. With yesterday's date it stops at once."),
    )
    reason = forms.CharField(label=_("Reason"), max_length=500)


class IdentityCheckForm(PeopleForm):
    """The day a person showed who they are."""

    on = DayField(label=_("Identity verified on"))


class ReasonForm(PeopleForm):
    """Why something is done to a person's account."""

    reason = forms.CharField(label=_("Reason"), max_length=500)
