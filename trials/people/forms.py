"""Forms for the users of a trial: roles, identity checks, reasons."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import normal_username
from trials.date_fields import DayField
from trials.forms import VerbForm
from trials.roles import CHOICES


def password_field() -> forms.CharField:
    """Return the field in which the password is entered again, for a signature."""
    return forms.CharField(
        label=_("Password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        help_text=_("Your signature."),
    )


class RoleForm(VerbForm):
    """A role between two days."""

    role = forms.ChoiceField(label=_("Role"), choices=[("", _("Choose a role")), *CHOICES])
    starts_on = DayField(label=_("First day"))
    ends_on = DayField(
        label=_("Last day"),
        required=False,
        help_text=_("Leave empty while no end is planned. An inspector's access needs one."),
    )


class NewRoleForm(RoleForm):
    """A role of a person of the trial; one that has begun needs a reason."""

    reason = forms.CharField(
        label=_("Recorded later because"),
        max_length=500,
        required=False,
        help_text=_("Only for a first day that is over: why the role is recorded now and not before."),
    )


class NewPersonForm(RoleForm):
    """A new person with the role that is offered. The system makes the user name."""

    full_name = forms.CharField(
        label=_("Full name"), max_length=200, help_text=_("As it is printed with signatures.")
    )
    email = forms.EmailField(
        label=_("E-mail"),
        required=False,
        max_length=254,
        help_text=_(
            "The person's own address: only they can change it later. Without one, two people hand over a code."
        ),
    )
    identity_verified_on = DayField(
        label=_("Identity verified on"), help_text=_("The day the person showed an identity document.")
    )
    field_order = ("full_name", "email", "identity_verified_on", "role", "starts_on", "ends_on")


class KnownPersonForm(RoleForm):
    """A person with an account, named by the user name, and the role that is offered."""

    username = forms.CharField(
        label=_("User name"),
        max_length=150,
        help_text=_("The person tells you. They accept after signing in."),
    )
    field_order = ("username", "role", "starts_on", "ends_on")

    def clean_username(self) -> str:
        """Return the user name in its stored spelling."""
        return normal_username(self.cleaned_data["username"])


class EndRoleForm(VerbForm):
    """The last day of a role."""

    ends_on = DayField(
        label=_("Last day"),
        help_text=_("The access lasts to the end of this day."),
    )
    at_once = forms.BooleanField(
        label=_("Stop the access at once"),
        required=False,
        help_text=_("Now, and not at the end of the day; the last day is today."),
    )
    reason = forms.CharField(label=_("Reason"), max_length=500)


class IdentityCheckForm(VerbForm):
    """The day on which the user's identity was verified."""

    on = DayField(label=_("Identity verified on"))


class ReasonForm(VerbForm):
    """The reason for a change of a user's account."""

    reason = forms.CharField(label=_("Reason"), max_length=500)


class ApproveRoleForm(VerbForm):
    """The tasks that are delegated, and the password that signs it."""

    tasks = forms.MultipleChoiceField(
        label=_("Delegated tasks"), widget=forms.CheckboxSelectMultiple, required=False
    )
    password = password_field()

    def offer(self, tasks: list[tuple[str, Any]]) -> None:
        """Offer the tasks of the role."""
        self.fields["tasks"].choices = tasks  # type: ignore[attr-defined]


class ApproveVersionForm(VerbForm):
    """The password that signs the approval."""

    password = password_field()


class ConfirmTrainingForm(VerbForm):
    """The version that was read, and the password that signs it."""

    version = forms.CharField(max_length=40, widget=forms.HiddenInput)
    password = password_field()


class ConfirmForm(VerbForm):
    """A step without anything to type."""


class ConfirmationCodeForm(VerbForm):
    """The code that a person shows whose identity is confirmed."""

    code = forms.CharField(
        label=_("Code that the person shows"),
        max_length=20,
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "numeric"}),
    )


class DecisionForm(ReasonForm):
    """The decision of the second person, with the reason."""

    decision = forms.ChoiceField(
        label=_("Decision"),
        choices=[("grant", _("Remove the second factors")), ("refuse", _("Leave them as they are"))],
        widget=forms.RadioSelect,
    )
    field_order = ("decision", "reason")
