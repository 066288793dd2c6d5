"""The questions about one adverse event as fields of a form. None has a default (DAT-01)."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from patients.participation.treatment.infusion_links import InfusionAddress
from protocol.document.document import Protocol
from safety import choices
from safety.event_checks import NOT_AN_INFUSION
from safety.models import CAUSES, AdverseEvent
from trials.date_fields import MomentField

CHOOSE = ("", _("Choose"))


def description_fields(zone: str) -> dict[str, forms.Field]:
    when = _("dd-MMM-yyyy hh:mm, or the part that is known")
    moment: dict[str, Any] = {"zone": zone, "partial": True}
    return {
        "term": forms.CharField(
            label=_("Event"), max_length=200, help_text=_("One diagnosis or symptom, in the source's words.")
        ),
        "kind": select(
            _("Kind of report"),
            AdverseEvent.Kind.choices,
            required=False,
            blank=_("Adverse event"),
            help_text=_(
                "The others are reported within the same hours as a serious event; not a lack of efficacy."
            ),
        ),
        "onset": MomentField(label=_("Onset"), help_text=when, **moment),
        "ongoing": segments(_("Is it still going on?"), AdverseEvent.Ongoing.choices),
        "end": MomentField(label=_("End"), required=False, help_text=_("When it is over."), **moment),
        "description": forms.CharField(
            label=_("Description"),
            required=False,
            max_length=10_000,
            widget=forms.Textarea(attrs={"rows": 2}),
            help_text=_("Course, findings, treatment. No names."),
        ),
    }


def infusion_field(infusions: Sequence[InfusionAddress], taken: InfusionAddress | None) -> forms.ChoiceField:
    """Return the question at which infusion the event began. taken: the one from whose bedside the form was opened."""
    text = _("Taken from the page of the bedside: %(infusion)s. Change it if the event did not begin there.")
    return forms.ChoiceField(
        label=_("Infusion at which it began"),
        choices=[("", _("None")), *((str(each.number), each.label) for each in infusions)],
        required=False,
        initial=str(taken.number) if taken else "",
        help_text=text % {"infusion": taken.label} if taken else "",
        error_messages={"invalid_choice": NOT_AN_INFUSION},
    )


def severity_fields(zone: str, rules: Protocol) -> dict[str, forms.Field]:
    return {
        "grade": segments(_("Grade (CTCAE %(version)s)") % {"version": rules.safety.ctcae}, []),
        "seriousness": forms.MultipleChoiceField(
            label=_("Is it serious? Tick all that apply"),
            choices=choices.seriousness(),
            widget=forms.CheckboxSelectMultiple,
        ),
        "aware": MomentField(
            label=_("Site learned of the event"),
            zone=zone,
            required=False,
            help_text=_("Needed for a serious event: the 24 hours start then."),
        ),
        "serious_aware": MomentField(
            label=_("Site learned that it is serious"),
            zone=zone,
            required=False,
            help_text=_("When that was later; the 24 hours then start here."),
        ),
    }


def assessment_fields(rules: Protocol, *, assessing: bool) -> dict[str, forms.Field]:
    fields: dict[str, forms.Field] = {}
    if assessing:
        fields["causality"] = select(
            _("Causality of the product"),
            choices.causalities(rules),
            required=False,
            help_text=_("Your assessment. Until it is given the event counts as related."),
        )
        fields.update(cause_fields(rules))
    fields["outcome"] = select(_("Outcome"), AdverseEvent.Outcome.choices)
    fields["action_taken"] = select(_("Action taken with the product"), AdverseEvent.Action.choices)
    fields["treatment"] = forms.CharField(
        label=_("Treatment given"),
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 1}),
        help_text=_("For the event. Empty: none is known."),
    )
    if rules.safety.aesi:
        fields["aesi"] = select(_("Special interest"), choices.special_interests(rules))
    return fields


def cause_fields(rules: Protocol, prefix: str = "") -> dict[str, forms.Field]:
    """Return the questions to what else an event is due, by the name of their column."""
    offered = choices.causalities(rules)
    return {
        f"{prefix}{name}": select(choices.causes()[name], offered, required=False, blank=_("Not judged"))
        for name in CAUSES
    }


def segments(label: Any, offered: Any) -> forms.ChoiceField:
    return forms.ChoiceField(label=label, choices=offered, widget=forms.RadioSelect)


def select(label: Any, offered: Any, *, blank: Any = CHOOSE[1], **options: Any) -> forms.ChoiceField:
    return forms.ChoiceField(label=label, choices=[("", blank), *offered], **options)
