"""The forms of a patient's steps: screening, consent, eligibility, inclusion, visits, end of study.

No clinical input has a default (DAT-01). A day from an earlier step is filled in, and labelled as filled in.
"""

from collections.abc import Callable, Mapping
from datetime import date
from functools import partial
from typing import Any
from uuid import uuid4

from crispy_forms.helper import FormHelper
from crispy_forms.layout import Field, Layout
from django import forms
from django.core.exceptions import ValidationError
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from patients.models import Consent, Patient
from patients.participation.answer_layout import answers
from patients.participation.questions import CONFIRMED, Question, Questioned, ask_with_effects
from trials.date_fields import DayField, MomentField
from trials.models import Trial
from trials.reader import shown_day
from trials.typed_input import KeepsInput


class StepForm(KeepsInput):
    """A form for one domain function. A ValidationError of the function is shown beside the field it names.

    questions: what the function asks before it stores. The page shows them with a box, its name `box`, its value
    `token`.
    filled_in: a day that an earlier step recorded; it fills the field `filled_field`, which says where it comes from.
    """

    required_css_class = "required"
    questions: tuple[Question, ...] = ()
    token = ""
    box = CONFIRMED
    filled_field = ""
    filled_help: str | Promise = "%(day)s"

    def __init__(
        self,
        *args: Any,
        trial: Trial,
        patient: Patient | None = None,
        filled_in: date | None = None,
        **kwargs: Any,
    ) -> None:
        self.trial, self.patient = trial, patient
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)
        self.helper = FormHelper()
        self.helper.form_tag = False
        self.helper.disable_csrf = True
        self.add_fields(trial.rules.trial.site.time_zone)
        if filled_in is not None and self.filled_field in self.fields:
            self.initial[self.filled_field] = filled_in
            self.fields[self.filled_field].help_text = self.filled_help % {"day": shown_day(filled_in)}
        self.helper.layout = self.layout()

    def layout(self) -> Layout:
        """Return the layout of the whole form."""
        return Layout(*(self.layout_of(name) for name in self.fields))

    def layout_of(self, name: str) -> Field:
        """Return the layout of a field: choices as boxes side by side, short answers in narrow inputs."""
        field = self.fields[name]
        if isinstance(field.widget, forms.RadioSelect):
            return Field(name, template="components/segments.html")
        if isinstance(field, DayField):
            return Field(name, css_class="w-short")
        narrow = isinstance(field, MomentField | forms.ChoiceField) or name in {"password", "hospital_number"}
        return Field(name, css_class="w-mid") if narrow else Field(name)

    @property
    def confirmed(self) -> str:
        """Return the token of the questions that were confirmed on the page; empty without one."""
        return str(self.data.get(CONFIRMED, ""))

    def facts(self) -> Mapping[str, Any]:
        """Return the answers, as the verb takes them."""
        return dict(self.cleaned_data)

    def add_fields(self, zone: str) -> None:
        """Add the fields that depend on the trial."""

    def run(self, verb: Callable[..., Any], **arguments: Any) -> bool:
        """Call the function and keep its `result`. Return False if it refused or asked; keep what it said."""
        try:
            self.result = verb(**arguments)
        except Questioned as asked:
            self.questions, self.token = asked.questions, asked.token
            return False
        except ValidationError as refusal:
            if hasattr(refusal, "error_dict"):
                for name, errors in refusal.error_dict.items():
                    self.add_error(name if name in self.fields else None, errors)
            else:
                self.add_error(None, refusal)
            return False
        return True

    def run_asking(self, patient: Patient, verb: Callable[..., Any], **arguments: Any) -> bool:
        """Call a correction as `run` does; ask about its effects too before they are stored."""
        return self.run(partial(ask_with_effects, patient, verb), confirmed=self.confirmed, **arguments)


class ScreeningForm(StepForm):
    """A new patient: the day of screening and who the person is. Identity is stored in its own table only (PRV-01)."""

    keeps_draft = False
    name = forms.CharField(label=_("Name"), max_length=200, required=False)
    hospital_number = forms.CharField(label=_("Hospital number"), max_length=60, required=False)
    birth_date = forms.CharField(
        label=_("Date of birth"),
        max_length=40,
        required=False,
        help_text=_("As in the hospital record; the year alone will do. Stored separately."),
    )
    contact = forms.CharField(label=_("Contact"), required=False, widget=forms.Textarea(attrs={"rows": 2}))
    # Shown when a patient has the same name and date of birth.
    another_person = forms.BooleanField(label=_("This is another person"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.data.get("another_person"):
            self._lay_out(but="another_person")

    def _lay_out(self, *, but: str = "") -> None:
        self.helper.layout = Layout(*(self.layout_of(name) for name in self.fields if name != but))

    def run(self, verb: Callable[..., Any], **arguments: Any) -> bool:
        """Call the function; show the box of another person if it asks for it."""
        done = super().run(verb, another_person=self.cleaned_data["another_person"], **arguments)
        if self.has_error("another_person"):
            self._lay_out()
        return done

    def add_fields(self, zone: str) -> None:
        self.fields["save_key"] = forms.CharField(
            required=False, max_length=64, widget=forms.HiddenInput, initial=lambda: uuid4().hex
        )
        self.fields["screened_on"] = DayField(label=_("Day of screening"), zone=zone)
        self.order_fields(
            ["save_key", "screened_on", "name", "hospital_number", "birth_date", "another_person", "contact"]
        )
        for name in ("name", "hospital_number", "birth_date", "contact"):
            self.fields[name].widget.attrs["autocomplete"] = "off"

    def identity(self) -> dict[str, str]:
        """Return the identifying data, for the identity table."""
        return {
            name: self.cleaned_data[name] for name in ("name", "hospital_number", "birth_date", "contact")
        }


class IdentityForm(ScreeningForm):
    """A correction of identifying data, with its reason."""

    reason = forms.CharField(label=_("Reason for the change"), max_length=500)

    def add_fields(self, zone: str) -> None:
        """Add no field: the day of screening is not corrected here."""


class ConsentForm(StepForm):
    """A consent: who gave it, the version of the form, the moment."""

    def layout(self) -> Layout:
        represented = dict.fromkeys(("representative_name", "representative_relation"), "when-represented")
        return Layout(answers(self, **represented))

    def add_fields(self, zone: str) -> None:
        rules = (self.patient.protocol.rules if self.patient else self.trial.rules).consent
        labels = dict(Consent.Type.choices)
        self.fields["type"] = forms.ChoiceField(
            label=_("Given by"),
            choices=[(code, labels[code]) for code in rules.types],
            widget=forms.RadioSelect,
        )
        self.fields["version"] = forms.ChoiceField(
            label=_("Version of the form"), choices=[("", _("Choose")), *((v, v) for v in rules.versions)]
        )
        self.fields["given"] = MomentField(label=_("Given on"), zone=zone)
        self.fields["obtained_by"] = forms.CharField(
            label=_("Obtained by"),
            max_length=200,
            required=False,
            help_text=_("Who explained the trial and signed for the site."),
        )
        if set(rules.types) != {Consent.Type.PATIENT}:
            self._add_representative()
        self._add_scan()

    def _add_scan(self) -> None:
        self.fields["scan"] = forms.FileField(
            label=_("Scan of the signed form"),
            required=False,
            widget=forms.FileInput(attrs={"accept": ".pdf,.jpg,.jpeg,.png"}),
            help_text=_("PDF, JPEG or PNG, at most 10 MB. Every look at it is recorded; it is not exported."),
        )
        self.fields["scan_key"] = forms.CharField(required=False, max_length=32, widget=forms.HiddenInput)

    def _add_representative(self) -> None:
        self.fields["representative_name"] = forms.CharField(
            label=_("Name of the representative or witness"),
            max_length=200,
            required=False,
            help_text=_("If another person gave the consent. Shown only to those who may see identities."),
        )
        self.fields["representative_name"].widget.attrs["autocomplete"] = "off"
        self.fields["representative_relation"] = forms.CharField(
            label=_("Relation to the patient"), max_length=100, required=False
        )


class CapacityForm(StepForm):
    """The day on which the patient regained the capacity to consent."""

    def add_fields(self, zone: str) -> None:
        self.fields["regained_on"] = DayField(label=_("Capacity regained on"), zone=zone)


class PasswordForm(StepForm):
    """A form that a person signs: it asks for the password itself (SIG-01), not a separate sign-in page."""

    keeps_draft = False
    password = forms.CharField(
        label=_("Your password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        help_text=_("Entering it signs with your name, the time and the meaning shown."),
    )


class EligibilityForm(PasswordForm):
    """The investigator's decision on eligibility, for the day for which the page judged the criteria."""

    keeps_draft = True
    filled_field = "inclusion_on"
    filled_help = _("Filled in from above: the criteria are assessed for %(day)s.")

    conclusion = forms.ChoiceField(
        label=_("Your conclusion"),
        choices=[("eligible", _("Eligible")), ("not_eligible", _("Not eligible"))],
        widget=forms.RadioSelect,
    )

    def add_fields(self, zone: str) -> None:
        # Of an included patient the day of inclusion is known.
        if self.patient is None or self.patient.enrolled_on is None:
            self.fields["inclusion_on"] = DayField(
                label=_("Intended day of inclusion"),
                zone=zone,
                help_text=_("Criteria that count days from inclusion are evaluated for this day."),
            )
        self.order_fields(["inclusion_on", "conclusion", "password"])


class EnrolForm(StepForm):
    """The day of inclusion: that of the decision on eligibility, unless another one is typed."""

    filled_field = "on"
    filled_help = _("Filled in from the decision on eligibility, which was signed for %(day)s.")

    def add_fields(self, zone: str) -> None:
        self.fields["on"] = DayField(label=_("Day of inclusion"), zone=zone)


class FailForm(StepForm):
    """A screen failure, with its day and reason."""

    reason = forms.CharField(label=_("Reason"), widget=forms.Textarea(attrs={"rows": 3}), max_length=2000)

    def add_fields(self, zone: str) -> None:
        self.fields["on"] = DayField(label=_("Day of the decision"), zone=zone)
        self.order_fields(["on", "reason"])


class HoldVisitForm(StepForm):
    """The day on which a visit was held."""

    filled_field = "on"
    filled_help = _("Filled in from the screening of the patient on %(day)s.")

    def add_fields(self, zone: str) -> None:
        self.fields["on"] = DayField(label=_("Held on"), zone=zone)


class MissVisitForm(StepForm):
    """The reason why a visit was missed."""

    reason = forms.CharField(label=_("Reason"), max_length=1000, widget=forms.Textarea(attrs={"rows": 2}))


class UnscheduledForm(StepForm):
    """An unscheduled visit, with its day and reason."""

    reason = forms.CharField(label=_("Reason"), max_length=1000, widget=forms.Textarea(attrs={"rows": 2}))

    def add_fields(self, zone: str) -> None:
        self.fields["on"] = DayField(label=_("Held on"), zone=zone)
        self.order_fields(["on", "reason"])


class QueryTextForm(StepForm):
    """One message in the thread of a query."""

    text = forms.CharField(label=_("Message"), max_length=4000, widget=forms.Textarea(attrs={"rows": 3}))
