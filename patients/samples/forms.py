"""Forms of samples: collected, not collected, corrected; steps on tubes and their reversal. No answer has a default."""

from typing import Any
from uuid import uuid4

from django import forms
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from patients.models import Aliquot, Patient, Sample, Visit
from patients.models.visit_forms import visit_title
from patients.participation.forms import StepForm
from patients.participation.logs.prescreening_forms import RowReasonForm
from patients.samples.collection import CollectionFacts
from patients.samples.expected import ExpectedSample, expected_samples
from patients.samples.handling import HANDLED, HandlingFacts
from protocol.values.moments import Moment
from trials.date_fields import MomentField
from trials.reader import reader_language

SEPARATOR = "/"
NO_NAMES = gettext_lazy("No names, no dates of birth, no hospital numbers.")


def save_key_field() -> forms.CharField:
    """Return the hidden field that makes a second click store nothing twice."""
    return forms.CharField(
        required=False, max_length=64, widget=forms.HiddenInput, initial=lambda: uuid4().hex
    )


def place_key(place: ExpectedSample) -> str:
    """Return the visit and the kind of a sample as one text, for an address and a choice: `D7/CYTOKINE`."""
    return f"{place.visit.key}{SEPARATOR}{place.plan.code}"


def place_title(place: ExpectedSample, protocol: Any) -> str:
    """Return the visit and the kind of a sample in the reader's language."""
    language = reader_language()
    visit = visit_title(protocol, place.visit, language, _("Unscheduled visit"))
    return f"{visit} · {place.plan.title.in_language(language)}"


class PlaceForm(StepForm):
    """A form about a sample that is not recorded yet: which one, at which visit. Needs `patient`."""

    patient: Patient
    only_held = False

    @cached_property
    def places(self) -> dict[str, ExpectedSample]:
        """Return the places of the patient that are still open, by their key."""
        found = (each for each in expected_samples(self.patient) if each.may_be_collected)
        return {
            place_key(each): each
            for each in found
            if not self.only_held or each.visit.state == Visit.State.HELD
        }

    def add_fields(self, zone: str) -> None:
        protocol = self.patient.protocol
        titles = [(key, place_title(place, protocol)) for key, place in self.places.items()]
        self.fields["save_key"] = save_key_field()
        self.fields["place"] = forms.ChoiceField(
            label=_("Visit and sample"), choices=[("", _("Choose")), *titles]
        )

    def chosen(self) -> dict[str, Any]:
        """Return the visit and the plan that were chosen, and the key of the page, as the verbs take them."""
        place = self.places[self.cleaned_data["place"]]
        place.visit.patient = self.patient
        return {
            "visit": place.visit,
            "plan": place.plan.code,
            "save_key": self.cleaned_data["save_key"],
        }


class CollectionFields(StepForm):
    """When and by whom a sample was collected."""

    def add_fields(self, zone: str) -> None:
        super().add_fields(zone)
        self.fields["collected"] = MomentField(label=_("Collected"), zone=zone)
        self.fields["collected_by"] = forms.CharField(label=_("Collected by"), max_length=200)
        self.fields["note"] = forms.CharField(
            label=_("Note"), required=False, max_length=1000, help_text=NO_NAMES
        )

    def facts(self) -> CollectionFacts:
        """Return the cleaned answers."""
        names = CollectionFacts.__annotations__
        return CollectionFacts(**{name: self.cleaned_data[name] for name in names})  # type: ignore[typeddict-item]


class CollectForm(CollectionFields, PlaceForm):
    """A sample that was collected, and into how many tubes it was divided."""

    def add_fields(self, zone: str) -> None:
        super().add_fields(zone)
        self.fields["aliquots"] = forms.CharField(
            label=_("Number of tubes"),
            max_length=4,
            widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off", "class": "w-short"}),
            help_text=self._planned(),
        )
        self.order_fields(["save_key", "place", "collected", "collected_by", "aliquots", "note"])

    def _planned(self) -> str:
        plans = {place.plan.code: place.plan for place in self.places.values()}
        told = _("%(title)s: %(count)s of %(volume)s mL")
        language = reader_language()
        return "; ".join(
            told
            % {
                "title": plan.title.in_language(language),
                "count": plan.aliquots,
                "volume": f"{plan.volume_ml:f}",
            }
            for plan in plans.values()
        )

    def clean_aliquots(self) -> int:
        """Return the typed number."""
        typed = self.cleaned_data["aliquots"].strip()
        if not (typed.isascii() and typed.isdigit()):
            raise forms.ValidationError(_("Enter a whole number."))
        return int(typed)


class NotCollectedForm(PlaceForm):
    """A sample that was not collected at a held visit, and why."""

    only_held = True

    def add_fields(self, zone: str) -> None:
        super().add_fields(zone)
        self.fields["reason"] = forms.CharField(
            label=_("Reason"), max_length=1000, widget=forms.Textarea(attrs={"rows": 2}), help_text=NO_NAMES
        )


class CorrectSampleForm(RowReasonForm, CollectionFields):
    """The same questions with the stored answers, and the reason for the change."""

    def add_fields(self, zone: str) -> None:
        super().add_fields(zone)
        stored = self.row.collected
        self.fields["collected"].initial = Moment.from_iso(stored) if stored else None


class HandleForm(StepForm):
    """A step of some tubes of a sample."""

    def __init__(self, *args: Any, sample: Sample, tubes: list[Aliquot], **kwargs: Any) -> None:
        self.sample, self.tubes = sample, tubes
        super().__init__(*args, **kwargs)

    def add_fields(self, zone: str) -> None:
        self.fields["kind"] = forms.ChoiceField(
            label=_("What was done"),
            choices=[("", _("Choose")), *((kind.value, kind.label) for kind in HANDLED)],
        )
        self.fields["aliquots"] = forms.MultipleChoiceField(
            label=_("Tubes"),
            choices=[(tube.code, _tube_words(tube)) for tube in self.tubes],
            widget=forms.CheckboxSelectMultiple,
        )
        self.fields["moment"] = MomentField(label=_("Date and time"), zone=zone)
        self.fields["done_by"] = forms.CharField(label=_("By whom"), max_length=200)
        self.fields["place"] = forms.CharField(
            label=_("Place"),
            max_length=200,
            required=False,
            help_text=_("When they are stored or moved: room, freezer, rack, position."),
        )
        self.fields["reason"] = forms.CharField(
            label=_("Reason"),
            max_length=1000,
            required=False,
            help_text=_("When they are destroyed or missing: why, how, and the number of the record."),
        )

    def facts(self) -> HandlingFacts:
        """Return the cleaned answers."""
        names = HandlingFacts.__annotations__
        return HandlingFacts(**{name: self.cleaned_data[name] for name in names})  # type: ignore[typeddict-item]


class ReverseForm(StepForm):
    """Why a step of a tube is reversed."""

    def add_fields(self, zone: str) -> None:
        self.fields["reason"] = forms.CharField(label=_("Why it is reversed"), max_length=1000)


def _tube_words(tube: Aliquot) -> str:
    words = f"{tube.code} · {tube.get_state_display()}"
    return f"{words} · {tube.place}" if tube.place else words
