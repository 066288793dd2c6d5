"""The forms of unblinding. Nothing is chosen beforehand."""

from typing import Any
from uuid import uuid4

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from dosing.models import Unblinding
from dosing.unblinding.opening import OF_INVESTIGATOR
from patients.models import Patient
from trials.date_fields import MomentField
from trials.forms import VerbForm
from trials.models import Delegation
from trials.permissions import Permission as P

MYSELF = "me"


def _reason(label: Any, help_text: Any) -> forms.CharField:
    return forms.CharField(
        label=label, help_text=help_text, max_length=4000, widget=forms.Textarea(attrs={"rows": 3})
    )


def _password() -> forms.CharField:
    return forms.CharField(
        label=_("Password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        help_text=_("Asked each time, also if you have just signed in."),
    )


class SusarForm(VerbForm):
    """The reason and the password; the page can be sent once."""

    reason = _reason(
        _("Which event is reported, and why the treatment is needed for it"),
        _("Name the event by its number. Blinded people read this text."),
    )
    password = _password()
    save_key = forms.CharField(max_length=64, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["save_key"].initial = uuid4().hex


class UnblindForm(SusarForm):
    """Category, reason and password of an emergency."""

    category = forms.ChoiceField(
        label=_("Why the treatment is opened"),
        choices=[(each.value, each.label) for each in OF_INVESTIGATOR],
        widget=forms.RadioSelect,
    )
    field_order = ("category", "reason", "password")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].label = _("Reason")
        self.fields["reason"].help_text = _(
            "What happened, and what the treatment decides. Blinded people read this text."
        )


class PlannedForm(VerbForm):
    """Reason and password of the planned unblinding."""

    reason = _reason(_("Reason"), _("What the treatment is opened for, such as the analysis of the trial."))
    password = _password()


class ExposureForm(VerbForm):
    """Who came to know the treatment by accident, what, since when and how."""

    known_to = forms.ChoiceField(
        label=_("Who came to know it"), required=False, help_text=_("A person with a role in this trial.")
    )
    known_to_name = forms.CharField(
        label=_("Or somebody without a role"),
        required=False,
        max_length=200,
        help_text=_("The function, such as “nurse of the ward” or “the patient”; no name of a patient."),
    )
    learned = forms.ChoiceField(
        label=_("What became known"), choices=Unblinding.Learned.choices, widget=forms.RadioSelect
    )
    known_since = MomentField(label=_("Known since"), partial=True)
    reason = _reason(
        _("How it became known"),
        _(
            "What was seen or said, and what was done about it. Do not name the treatment: blinded people read this."
        ),
    )
    save_key = forms.CharField(max_length=64, widget=forms.HiddenInput)

    def __init__(self, *args: Any, patient: Patient, by: User, sees_people: bool, **kwargs: Any) -> None:
        super().__init__(*args, zone=patient.trial.time_zone, **kwargs)
        self.people = {MYSELF: by}
        if sees_people:
            rows = Delegation.objects.filter(trial=patient.trial).exclude(user=by).select_related("user")
            self.people |= {
                str(row.user_id): row.user
                for row in sorted(rows, key=lambda row: row.user.full_name.casefold())
            }
        names = [(key, person.full_name) for key, person in self.people.items()]
        self.fields["known_to"].choices = [("", _("Nobody with a role")), *names]  # type: ignore[attr-defined]
        self.fields["save_key"].initial = uuid4().hex

    def facts(self) -> dict[str, Any]:
        """Return the arguments of the verb."""
        return {**self.cleaned_data, "known_to": self.people.get(self.cleaned_data["known_to"])}


def may_see_people(access: Any) -> bool:
    """Return True if the names of the people of the trial may be offered to a reader."""
    return bool(access.may(P.SEE_PEOPLE))
