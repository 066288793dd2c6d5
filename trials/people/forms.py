"""Forms for the users of a trial: roles, identity checks, reasons."""

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import normal_username
from trials.date_fields import DayField
from trials.forms import VerbForm
from trials.roles import CHOICES


class RoleForm(VerbForm):
    """A role between two days."""

    role = forms.ChoiceField(label=_("Role"), choices=[("", _("Choose a role")), *CHOICES])
    starts_on = DayField(label=_("First day"))
    ends_on = DayField(
        label=_("Last day"),
        required=False,
        help_text=_("Leave empty while no end is planned. An inspector's access needs one."),
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
        help_text=_("The access lasts to the end of this day. With yesterday's date it stops at once."),
    )
    reason = forms.CharField(label=_("Reason"), max_length=500)


class IdentityCheckForm(VerbForm):
    """The day on which the user's identity was verified."""

    on = DayField(label=_("Identity verified on"))


class ReasonForm(VerbForm):
    """The reason for a change of a user's account."""

    reason = forms.CharField(label=_("Reason"), max_length=500)


class ConfirmForm(VerbForm):
    """A step without anything to type."""


class DecisionForm(ReasonForm):
    """What the second person decides, and why."""

    decision = forms.ChoiceField(
        label=_("Decision"),
        choices=[("grant", _("Remove the second factors")), ("refuse", _("Leave them as they are"))],
        widget=forms.RadioSelect,
    )
    field_order = ("decision", "reason")
