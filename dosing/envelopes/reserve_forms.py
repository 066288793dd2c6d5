"""Forms of the reserve envelopes: how many to print, and what was found or done (BKP-02)."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from dosing.envelopes.reserves import FOLLOWS, MOST_PER_STRATUM
from dosing.models import ReserveCheck, ReserveEnvelope
from dosing.unblinding.forms import MYSELF
from patients.models import Patient
from trials.date_fields import MomentField
from trials.forms import VerbForm
from trials.models import Delegation, Trial

USUAL_PER_STRATUM = 3


class ReserveNumberForm(VerbForm):
    """How many sealed envelopes each stratum has afterwards."""

    per_stratum = forms.IntegerField(
        label=gettext_lazy("Sealed envelopes in each stratum"),
        min_value=1,
        max_value=MOST_PER_STRATUM,
        initial=USUAL_PER_STRATUM,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
        help_text=gettext_lazy("As many patients can be allocated in a stratum while the server is away."),
    )


class ReserveForm(VerbForm):
    """A finding about a reserve envelope, or a step with it; of an opened one also for whom and by whom."""

    envelope = forms.ModelChoiceField(
        ReserveEnvelope.objects.none(), label=gettext_lazy("Envelope"), empty_label=gettext_lazy("Choose")
    )
    finding = forms.ChoiceField(
        label=gettext_lazy("What was found or done"),
        choices=[
            (finding.value, finding.label)
            for finding in ReserveCheck.Finding
            if finding in {found for _state, found in FOLLOWS}
        ],
        widget=forms.RadioSelect,
    )
    happened = MomentField(label=gettext_lazy("When"))
    patient = forms.ModelChoiceField(
        Patient.objects.none(),
        label=gettext_lazy("If it was opened: for which patient"),
        required=False,
        empty_label=gettext_lazy("Choose"),
        help_text=gettext_lazy(
            "The patient takes exactly the place of this envelope. This cannot be changed afterwards."
        ),
    )
    opened_by = forms.ChoiceField(
        label=gettext_lazy("If it was opened: by whom"),
        required=False,
        help_text=gettext_lazy(
            "A blinded person who opened it knows the treatment since then; the sponsor is told."
        ),
    )
    opened_by_name = forms.CharField(
        label=gettext_lazy("Or by somebody without a role"),
        required=False,
        max_length=200,
        help_text=gettext_lazy("The function, such as “physician on call”."),
    )
    note = forms.CharField(
        label=gettext_lazy("Why it was opened or destroyed, or how it was lost"),
        required=False,
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy(
            "Do not name the treatment: blinded people read this. If an envelope was passed over, say why."
        ),
    )

    def __init__(self, *args: Any, trial: Trial, by: User, sees_people: bool, **kwargs: Any) -> None:
        super().__init__(*args, zone=trial.time_zone, **kwargs)
        envelope: Any = self.fields["envelope"]
        open_states = {state for state, _finding in FOLLOWS}
        envelope.queryset = ReserveEnvelope.objects.filter(trial=trial, state__in=open_states)
        envelope.label_from_instance = reserve_words
        patient: Any = self.fields["patient"]
        waiting = Patient.objects.visible_to(by).filter(trial=trial, allocation=None)
        patient.queryset = waiting.order_by("number")
        patient.label_from_instance = lambda row: row.code
        self.people = {MYSELF: by}
        if sees_people:
            held = Delegation.objects.filter(trial=trial).exclude(user=by).select_related("user")
            self.people |= {str(each.user_id): each.user for each in held.order_by("user__full_name", "pk")}
        names = [(key, person.full_name) for key, person in self.people.items()]
        self.fields["opened_by"].choices = [("", _("Nobody with a role")), *names]  # type: ignore[attr-defined]

    def facts(self) -> dict[str, Any]:
        """Return the arguments of the verb."""
        return {**self.cleaned_data, "opened_by": self.people.get(self.cleaned_data["opened_by"])}


def reserve_words(row: ReserveEnvelope) -> str:
    """Return the texts on an envelope: its number, and its stratum if the trial has strata."""
    return f"{row} · {row.stratum}" if row.stratum else str(row)
