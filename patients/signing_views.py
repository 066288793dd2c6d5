"""The page on which an investigator signs the complete forms of a patient."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters

from accounts.access import TrialRequest, trial_page
from accounts.permissions import Permission as P
from audit.models import Meaning
from patients.casebook import visit_title
from patients.forms import PasswordForm
from patients.models import Patient, Record
from patients.signing import sign_records, unsigned
from patients.views import casebook_of, patient_of, step


class SignForm(PasswordForm):
    """Which forms, with which meaning, and the password. A form is named with the version that was read."""

    field_order = ["chosen", "meaning", "password"]
    meaning = forms.ChoiceField(
        label=_("Meaning of the signature"), choices=Meaning.choices, widget=forms.RadioSelect
    )

    def __init__(self, *args: Any, patient: Patient, **kwargs: Any) -> None:
        self.rows = unsigned(patient)
        super().__init__(*args, patient=patient, **kwargs)

    def add_fields(self, zone: str) -> None:
        self.fields["chosen"] = forms.MultipleChoiceField(
            label=_("Forms"),
            choices=[(f"{row.pk}:{row.version}", title_of(row)) for row in self.rows],
            widget=forms.CheckboxSelectMultiple,
            error_messages={
                "invalid_choice": _("A form was changed or signed since this page was opened. Read it again.")
            },
        )
        self.order_fields(self.field_order)

    def records(self) -> list[Record]:
        """Return the chosen records."""
        chosen = set(self.cleaned_data["chosen"])
        return [row for row in self.rows if f"{row.pk}:{row.version}" in chosen]


def title_of(record: Record) -> str:
    """Return visit and form in words."""
    language = get_language() or "en"
    title = record.protocol.rules.form(record.form).title.in_language(language)
    if record.visit is None:
        return f"{title} {record.repeat}"
    visit = visit_title(record.protocol, record.visit, language, str(_("Unscheduled visit")))
    return f"{visit}: {title}"


@sensitive_post_parameters("password")
@trial_page(see=P.SIGN, change=P.SIGN)
def sign(request: TrialRequest, code: str) -> HttpResponse:
    """List the complete, unsigned forms; sign the chosen ones with one password."""
    patient = patient_of(request, code)

    def do(form: SignForm) -> bool:
        records = form.records()
        done = form.carried_out(
            sign_records,
            records=records,
            meaning=form.cleaned_data["meaning"],
            password=form.cleaned_data["password"],
            by=request.user,
        )
        if done:
            text = ngettext("%(count)d form is signed.", "%(count)d forms are signed.", len(records))
            messages.success(request, text % {"count": len(records)})
        return done

    return step(
        request, SignForm, "patients/sign.html", do, lambda form: casebook_of(patient), patient=patient
    )
