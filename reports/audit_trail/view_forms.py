"""Forms of the saved views: name, plan, and the review of a sample."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from audit.models import SavedView
from reports.audit_trail.forms import TrailReviewForm
from trials.date_fields import DayField
from trials.models import Delegation, Trial
from trials.permissions import Permission
from trials.roles import ROLES


class PlanForm(forms.Form):
    """The purpose of a view, and its plan: how often, by whom, how many entries, from which day."""

    purpose = forms.CharField(
        label=_("What to look for"), max_length=2000, required=False, widget=forms.Textarea(attrs={"rows": 2})
    )
    every_days = forms.IntegerField(
        label=_("Review every so many days"),
        min_value=1,
        max_value=730,
        required=False,
        help_text=_("Leave it empty for a view without a plan."),
        widget=forms.TextInput(attrs={"inputmode": "numeric"}),
    )
    person = forms.ChoiceField(label=_("Reviewer"), required=False)
    sample = forms.IntegerField(
        label=_("Entries in the random sample"),
        min_value=1,
        max_value=200,
        required=False,
        help_text=_("At most 200. Empty: all entries since the last review, up to 200."),
        widget=forms.TextInput(attrs={"inputmode": "numeric"}),
    )
    starts_on = DayField(label=_("First review due on"), required=False)

    def __init__(self, data: Any, *, trial: Trial, **options: Any) -> None:
        super().__init__(data, **options)
        self.trial = trial
        self.reviewers = reviewers_of(trial)
        choices = [("", _("Nobody")), *((str(user.pk), user.full_name) for user in self.reviewers)]
        self.fields["person"].choices = choices  # type: ignore[attr-defined]

    @staticmethod
    def initial_of(view: SavedView) -> dict[str, Any]:
        """Return the inputs of a stored view."""
        names = ("purpose", "every_days", "sample", "starts_on")
        person = "" if view.person_id is None else str(view.person_id)
        return {**{name: getattr(view, name) for name in names}, "person": person}

    def clean(self) -> dict[str, Any]:
        """Refuse a plan without a person or a day, and parts of a plan without one."""
        cleaned = super().clean() or {}
        planned = cleaned.get("every_days") is not None
        if planned and not cleaned.get("person") and "person" not in self.errors:
            self.add_error("person", _("A plan needs a person who reviews."))
        if not planned and "every_days" not in self.errors:
            for name in ("person", "sample", "starts_on"):
                if cleaned.get(name):
                    self.add_error("every_days", _("Say how often, or leave the whole plan empty."))
                    break
        if planned and cleaned.get("starts_on") is None and "starts_on" not in self.errors:
            cleaned["starts_on"] = self.trial.today
        return cleaned

    @property
    def plan(self) -> dict[str, Any]:
        """Return the plan of a valid form: all None without one."""
        cleaned = self.cleaned_data
        if cleaned["every_days"] is None:
            return dict.fromkeys(("every_days", "sample", "person", "starts_on"))
        person = next(user for user in self.reviewers if str(user.pk) == cleaned["person"])
        return {**{name: cleaned[name] for name in ("every_days", "sample", "starts_on")}, "person": person}


class ViewForm(PlanForm):
    """The name of a view besides."""

    name = forms.CharField(label=_("Name of the view"), max_length=80)
    field_order = ("name", "purpose")


class SampleReviewForm(TrailReviewForm):
    """The reviewer's conclusion about a sample."""

    also_kept = ("drawn",)

    def __init__(self, data: Any, **options: Any) -> None:
        super().__init__(data, **options)
        self.fields["conclusion"].help_text = _(
            "Your name, the sample as drawn and the time are recorded with it, and the queries that you raised since."
        )


def reviewers_of(trial: Trial) -> list[User]:
    """Return the people who may review the trail now. One query."""
    roles = [code for code, role in ROLES.items() if Permission.REVIEW_TRAIL in role.permissions]
    active = Delegation.objects.active().filter(trial=trial, role__in=roles)
    return list(User.objects.filter(pk__in=active.values("user")).order_by("full_name"))
