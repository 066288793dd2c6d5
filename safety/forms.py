"""Forms of adverse events. No clinical field has a default (DAT-01)."""

from functools import partial
from typing import Any
from uuid import uuid4

from crispy_forms.layout import Layout
from django import forms
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from audit.models import Meaning
from patients.participation.answer_layout import answer, boxes, section
from patients.participation.change_reasons import given_reason, reason_fields
from patients.participation.forms import PasswordForm, StepForm
from patients.participation.treatment.infusion_links import InfusionAddress, infusions_of
from protocol.values.moments import Moment
from safety import choices, reporting
from safety.event_checks import EventAnswers, answers_of
from safety.event_fields import (
    CHOOSE,
    assessment_fields,
    cause_fields,
    description_fields,
    infusion_field,
    segments,
    severity_fields,
)
from safety.models import CAUSES, AdverseEvent, EventDraft
from safety.system_texts import REASON, REASONS
from safety.terms import picker
from trials.date_fields import MomentField
from trials.reader import shown_moment


class EventForm(StepForm):
    """One adverse event. Only an investigator is asked for the causality (SAF-03).

    A new one is kept as an `EventDraft`, whose clock may run, not like the input of another page.
    """

    keeps_draft = False

    def __init__(
        self, *args: Any, assessing: bool, at_infusion: InfusionAddress | None = None, **kwargs: Any
    ) -> None:
        self.assessing, self.at_infusion = assessing, at_infusion
        super().__init__(*args, **kwargs)
        self._offer_grades()
        self.helper.layout = Layout(*self.sections())

    def _offer_grades(self) -> None:
        """Offer the grades that exist for the term, and say what each means; ask again when another term is typed."""
        rules = self.patient.protocol.rules if self.patient else self.trial.rules
        # Not by self["term"], which would keep the help text of the field as it is now.
        sent = (
            self.data.get("term")
            if self.is_bound
            else self.get_initial_for_field(self.fields["term"], "term")
        )
        term, version = str(sent or ""), rules.safety.ctcae
        grade: Any = self.fields["grade"]
        offered = picker.offered(term, version)
        grade.choices, grade.help_text = offered.choices, offered.words
        grade.error_messages["invalid_choice"] = offered.missing
        # Read by the page alone: what is posted needs no suggestions.
        self.own_names = partial(picker.names, version)
        if self.patient:
            where = reverse("safety:term-grades", args=[self.trial.slug, self.patient.code])
            asking = {
                "hx-get": where,
                "hx-trigger": "change",
                "hx-target": "#div_id_grade",
                "hx-swap": "outerHTML",
            }
            self.fields["term"].widget.attrs.update(
                {**asking, "hx-include": "[name=grade]", "list": "own-terms", "autocomplete": "off"}
            )

    def add_fields(self, zone: str) -> None:
        rules = self.patient.protocol.rules if self.patient else self.trial.rules
        self.fields["save_key"] = forms.CharField(
            required=False, max_length=64, widget=forms.HiddenInput, initial=lambda: uuid4().hex
        )
        self.fields.update(description_fields(zone))
        if self.patient and (infusions := infusions_of(self.patient)):
            self.fields["infusion"] = infusion_field(infusions, self.at_infusion)
        self.fields.update(severity_fields(zone, rules))
        self.fields.update(assessment_fields(rules, assessing=self.assessing))

    def sections(self) -> list[Any]:
        """Return the field groups in their order on the page."""
        asked = ("causality", *CAUSES, "outcome", "action_taken", "aesi", "treatment")
        questions = [name for name in asked if name in self.fields]
        return [
            "save_key",
            section(
                _("Description of the event"),
                answer("term"),
                answer("kind"),
                answer("onset"),
                boxes("ongoing"),
                answer("end", wrapper_class="when-over"),
                *(answer(name) for name in ("infusion",) if name in self.fields),
                answer("description", wrapper_class="wide-field"),
            ),
            section(
                _("Severity and seriousness"),
                boxes("grade"),
                boxes("seriousness"),
                answer("aware", wrapper_class="" if self._is_aware_asked() else "serious-only"),
                answer("serious_aware", wrapper_class="serious-only"),
            ),
            section(_("Assessment"), *(answer(name) for name in questions)),
        ]

    def _is_aware_asked(self) -> bool:
        """Return whether an event may have a clock by its category of special interest, which is asked further down."""
        rules = self.patient.protocol.rules if self.patient else self.trial.rules
        return bool(rules.safety.expedited)

    @property
    def save_key(self) -> str:
        """Return the key of the page that was sent; empty if it has none."""
        return str(self.cleaned_data.get("save_key", ""))

    def typed(self) -> list[tuple[str, str]]:
        """Return the inputs as sent, by name: what a draft keeps."""
        sent: Any = self.data
        return [
            # PostgreSQL cannot store NUL, and no form accepts it.
            (name, text.replace("\0", "\N{REPLACEMENT CHARACTER}"))
            for name in self.fields
            for text in sent.getlist(name)
        ]

    def answers(self) -> EventAnswers:
        """Return the cleaned answers. Questions that were not asked, or not answered readably, are absent."""
        answers: dict[str, Any] = {
            name: value for name, value in self.cleaned_data.items() if name in EventAnswers.__annotations__
        }
        if "infusion" in answers:
            answers["infusion"] = int(answers["infusion"]) if answers["infusion"] else None
        answers["grade"] = int(answers["grade"]) if answers.get("grade") else None
        answers["seriousness"] = frozenset(answers.get("seriousness") or ())
        return EventAnswers(**answers)  # type: ignore[typeddict-item]


class AfterLockForm(EventForm):
    """A serious event reported after the lock: the same questions, and the reason for reporting it now (SAF-11)."""

    keeps_draft = True

    def add_fields(self, zone: str) -> None:
        super().add_fields(zone)
        self.fields["after_lock_reason"] = forms.CharField(
            label=_("Why it is reported after the lock"),
            max_length=2000,
            widget=forms.Textarea(attrs={"rows": 2}),
        )

    def sections(self) -> list[Any]:
        reason = answer("after_lock_reason", wrapper_class="wide-field")
        return [*super().sections(), section(_("After the lock"), reason)]


def typed_in(draft: EventDraft) -> dict[str, Any]:
    """Return the inputs of a draft as form initial values."""
    found: dict[str, Any] = {}
    for name, text in draft.payload:
        if name == "seriousness":
            found.setdefault(name, []).append(text)
        else:
            found[name] = text
    return found


class AmendForm(EventForm):
    """The same questions with the stored answers, and the reason for change."""

    keeps_draft = True

    def __init__(self, *args: Any, event: AdverseEvent, **kwargs: Any) -> None:
        self.event = event
        kwargs.setdefault("initial", shown_answers(event, kwargs["trial"].rules.trial.site.time_zone))
        super().__init__(*args, **kwargs)

    def add_fields(self, zone: str) -> None:
        super().add_fields(zone)
        del self.fields["save_key"]
        self.fields["version"] = forms.IntegerField(widget=forms.HiddenInput, initial=self.event.version)
        if self.event.reported_at:
            self.fields["late_reason"] = forms.CharField(
                label=_("Reason for a late report"), required=False, max_length=2000
            )
        self.fields.update(reason_fields(REASONS, longest=1000))

    def sections(self) -> list[Any]:
        names = ("late_reason", "reason", "reason_text")
        sections = [section for section in super().sections() if section != "save_key"]
        reason = (answer(name) for name in names if name in self.fields)
        return ["version", *sections, section(_("Reason for the change"), *reason)]

    def amended(self, *, by: User) -> bool:
        """Amend the event and return whether that succeeded. Raises StaleEvent if the shown version is outdated."""
        return self.run(
            reporting.amend_event,
            event=self.event,
            changes=self.answers(),
            reason=given_reason(dict(self.cleaned_data), REASONS, REASON),
            version=self.cleaned_data["version"],
            confirmed=self.confirmed,
            by=by,
        )

    def differences(self) -> list[tuple[str, str, str]]:
        """Return (label, stored text, typed text) of each answer in which the two differ."""
        compared = [self[name] for name in self.fields if name in self.initial]
        texts = [
            (field, _in_words(field, field.initial), _in_words(field, field.value())) for field in compared
        ]
        return [(str(field.label), stored, typed) for field, stored, typed in texts if stored != typed]


def shown_answers(event: AdverseEvent, zone: str) -> dict[str, Any]:
    """Return the stored answers of an event as form initial values."""
    answers: dict[str, Any] = dict(answers_of(event, zone))
    shown = {
        name: shown_moment(value) if isinstance(value, Moment) else value for name, value in answers.items()
    }
    shown["infusion"] = str(event.infusion or "")
    return {**shown, "grade": str(event.grade), "seriousness": sorted(event.seriousness)}


class EventStepForm(StepForm):
    """Base of the forms that change one event. A hidden field holds the version shown."""

    def __init__(self, *args: Any, event: AdverseEvent, **kwargs: Any) -> None:
        self.event = event
        super().__init__(*args, **kwargs)
        self.fields["version"] = forms.IntegerField(widget=forms.HiddenInput, initial=event.version)
        self.helper.layout.append("version")


class DiscardDraftForm(StepForm):
    """The reason why a draft is discarded."""

    reason = forms.CharField(
        label=_("Why there is no event to report"), max_length=1000, widget=forms.Textarea(attrs={"rows": 2})
    )


class StrikeOutForm(EventStepForm):
    """The reason why an event is marked as entered in error."""

    reason = forms.CharField(
        label=_("Why it is struck out"), max_length=1000, widget=forms.Textarea(attrs={"rows": 2})
    )


class SponsorForm(EventStepForm):
    """The time at which the event was reported to the sponsor."""

    late_reason = forms.CharField(
        label=_("Reason for a late report"),
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Needed after the deadline."),
    )

    def add_fields(self, zone: str) -> None:
        self.fields["at"] = MomentField(label=_("Reported to the sponsor"), zone=zone)
        self.order_fields(["at", "late_reason"])


class EventReviewForm(PasswordForm):
    """One meaning and one password for all events shown."""

    meaning = forms.ChoiceField(label=_("Meaning of your signature"), choices=[CHOOSE, *Meaning.choices])
    field_order = ["meaning", "password"]


class AssessForm(PasswordForm):
    """The causality of an event that has none, and the password that signs the review of the event."""

    def __init__(self, *args: Any, event: AdverseEvent, **kwargs: Any) -> None:
        self.event = event
        # Without a causality to give there is only the password, which is never kept.
        self.keeps_draft = not event.causality
        super().__init__(*args, **kwargs)

    def add_fields(self, zone: str) -> None:
        if not self.event.causality:
            offered = choices.causalities(self.event.patient.protocol.rules)
            self.fields["causality"] = segments(_("Causality of the product"), offered)
            self.fields.update(cause_fields(self.event.patient.protocol.rules))
        self.fields["version"] = forms.IntegerField(widget=forms.HiddenInput, initial=self.event.version)
        self.order_fields(["causality", *CAUSES, "password", "version"])


def _in_words(field: forms.BoundField, value: Any) -> str:
    """Return a field's value as the page shows it."""
    titles = {str(code): str(title) for code, title in getattr(field.field, "choices", ())}
    values = value if isinstance(value, list | tuple) else [value]
    return ", ".join(sorted(titles.get(str(one), str(one)) for one in values if one not in (None, "")))
