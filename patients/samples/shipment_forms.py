"""Forms of shipments: sent, received tube by tube, corrected. A scanner types one code on each line."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _

from patients.models import Aliquot, Shipment
from patients.participation.forms import StepForm
from patients.participation.logs.prescreening_forms import RowReasonForm
from patients.samples.forms import NO_NAMES, save_key_field
from patients.samples.identifiers import CodeRefused, normal_code, read_code
from patients.samples.shipping import FACTS, MISSING, Condition, ShipmentFacts
from trials.date_fields import MomentField


class ShipmentFields(StepForm):
    """Where to, how and with which logger tubes are sent."""

    def add_fields(self, zone: str) -> None:
        self.fields["destination"] = forms.CharField(label=_("Destination"), max_length=200)
        self.fields["carrier"] = forms.CharField(label=_("Carrier"), max_length=200)
        self.fields["consignment"] = forms.CharField(
            label=_("Number of the consignment"), max_length=60, required=False
        )
        self.fields["packing"] = forms.ChoiceField(
            label=_("Packing"), choices=[("", _("Choose")), *Shipment.Packing.choices]
        )
        self.fields["logger"] = forms.CharField(label=_("Temperature logger"), max_length=60, required=False)
        self.fields["sent_by"] = forms.CharField(label=_("Sent by"), max_length=200)

    def facts(self) -> ShipmentFacts:
        """Return the cleaned answers."""
        return ShipmentFacts(**{name: self.cleaned_data[name] for name in FACTS})  # type: ignore[typeddict-item]


class ShipForm(ShipmentFields):
    """Tubes that are sent, by their codes."""

    def add_fields(self, zone: str) -> None:
        super().add_fields(zone)
        self.fields["save_key"] = save_key_field()
        self.fields["aliquots"] = forms.CharField(
            label=_("Tubes"),
            max_length=20_000,
            widget=forms.Textarea(attrs={"rows": 6, "autocomplete": "off", "spellcheck": "false"}),
            help_text=_("Scan each tube, or type its code on a line of its own."),
        )
        self.fields["sent"] = MomentField(label=_("Sent"), zone=zone)
        self.order_fields(["save_key", "aliquots", "sent", *FACTS])

    def clean_aliquots(self) -> list[str]:
        """Return the codes of the tubes, each once. Raises ValidationError naming what is no code of a tube."""
        found: dict[str, None] = {}
        for line in self.cleaned_data["aliquots"].split():
            try:
                tube = read_code(line).aliquot
            except CodeRefused as refused:
                raise forms.ValidationError(refused_words(line, refused)) from refused
            if tube is None:
                text = _("%(code)s names a sample: scan the code of each tube.")
                raise forms.ValidationError(text % {"code": line})
            found[normal_code(line)] = None
        return list(found)


class CorrectShipmentForm(RowReasonForm, ShipmentFields):
    """The facts of a shipment with the stored answers, and the reason for the change."""


class ReceiveForm(StepForm):
    """How a shipment arrived: when, received by whom, and each tube that was on its way."""

    def __init__(self, *args: Any, row: Shipment, tubes: list[Aliquot], **kwargs: Any) -> None:
        self.row, self.tubes = row, tubes
        super().__init__(*args, **kwargs)

    def add_fields(self, zone: str) -> None:
        self.fields["received"] = MomentField(label=_("Received"), zone=zone)
        self.fields["received_by"] = forms.CharField(label=_("Received by"), max_length=200)
        answers = [("", _("Choose")), *Condition.choices, (MISSING, _("Missing"))]
        for tube in self.tubes:
            self.fields[tube.code] = forms.ChoiceField(label=tube.code, choices=answers, required=False)
        self.fields["rest_intact"] = forms.BooleanField(
            label=_("Every tube without an answer arrived as it was sent"), required=False
        )
        self.fields["note"] = forms.CharField(
            label=_("Note"), required=False, max_length=1000, help_text=NO_NAMES
        )
        self.fields["version"] = forms.IntegerField(widget=forms.HiddenInput, initial=self.row.version)

    def arrived(self) -> dict[str, Any]:
        """Return the answers as the verb takes them. Tubes without an answer are left out unless the box is ticked."""
        rest = str(Condition.INTACT) if self.cleaned_data["rest_intact"] else ""
        conditions = {tube.code: self.cleaned_data.get(tube.code) or rest for tube in self.tubes}
        names = ("received", "received_by", "note", "version")
        return {"conditions": conditions, **{name: self.cleaned_data[name] for name in names}}


def refused_words(scanned: str, refused: CodeRefused) -> str:
    """Return the sentence about a text that is no code, or was misread."""
    if refused.misread:
        text = _("%(code)s: the check character is wrong. Scan the label again.")
    else:
        text = _("%(code)s is no code of a sample.")
    return text % {"code": scanned[:60]}
