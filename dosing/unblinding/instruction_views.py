"""Pages after a recall or a late result: affected lots, the recipients of one, the instruction for one patient."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters

from accounts.sessions.kept_forms import kept_data
from dosing.models import Lot, TreatmentInstruction
from dosing.stock.balance import recipients_of
from dosing.unblinding.instructing import affected_lots, issue_instruction, open_instruction, open_recipients
from dosing.unblinding.instruction_forms import InstructionForm, OpenInstructionForm, RecipientsForm
from patients.models import Patient
from patients.views.participation import patient_of
from trials.access import TrialRequest, trial_page
from trials.blinding.treatment_reads import show_treatment
from trials.permissions import Permission as P


@trial_page(see=P.INSTRUCT)
def instructions(request: TrialRequest) -> HttpResponse:
    """List the lots that were recalled or failed late, and the instructions; a blinded reader sees the own ones."""
    rows = TreatmentInstruction.objects.filter(patient__trial=request.trial)
    if request.access.blinded:
        rows = rows.filter(issued_by=request.user)
    context = {
        "lots": affected_lots(request.trial),
        "rows": rows.select_related("patient", "issued_by", "opened_by").order_by("-pk"),
        "knows": request.access.sees_treatment,
    }
    return render(request, "dosing/instructions.html", context)


@sensitive_post_parameters("password")
@trial_page(see=P.INSTRUCT, change=P.INSTRUCT)
def recipients(request: TrialRequest, number: int) -> HttpResponse:
    """Show who received a lot; a blinded reader opens the list with the password, and it is shown once."""
    lot = _affected(request, number)
    context: dict[str, Any] = {"lot": lot, "knows": request.access.sees_treatment}
    if request.access.sees_treatment:
        return render(request, "dosing/recipients.html", {**context, "recipients": recipients_of(lot=lot)})
    form = RecipientsForm(request.POST if request.method == "POST" else kept_data(request))
    if (
        request.method == "POST"
        and form.is_valid()
        and form.run(open_recipients, lot=lot, by=request.user, **form.cleaned_data)
    ):
        return render(request, "dosing/recipients.html", {**context, "recipients": form.result})
    status = 422 if request.method == "POST" else 200
    return render(request, "dosing/recipients.html", {**context, "form": form}, status=status)


@sensitive_post_parameters("password")
@trial_page(see=P.INSTRUCT, change=P.INSTRUCT)
def issue(request: TrialRequest, code: str, number: int) -> HttpResponse:
    """Issue an instruction for the patient, who received the lot with this key."""
    patient, lot = patient_of(request, code), _affected(request, number)
    form = InstructionForm(request.POST if request.method == "POST" else kept_data(request))
    if (
        request.method == "POST"
        and form.is_valid()
        and form.run(
            issue_instruction,
            patient=patient,
            lot=lot,
            access=request.access,
            by=request.user,
            **form.cleaned_data,
        )
    ):
        messages.success(request, _("The instruction is issued: the investigators of the patient are told."))
        return redirect("dosing:instructions", request.trial.slug)
    status = 422 if request.method == "POST" else 200
    return render(
        request, "dosing/instruction_new.html", {"form": form, "patient": patient, "lot": lot}, status=status
    )


@sensitive_post_parameters("password")
@trial_page(see=P.UNBLIND, change=P.UNBLIND)
def instruction(request: TrialRequest, code: str, number: int) -> HttpResponse:
    """Open an instruction: in a masked trial with the password, on the answer to this step; in an open one at once."""
    patient = patient_of(request, code)
    row = _instruction_of(patient, number)
    masked = request.trial.masked
    form = OpenInstructionForm(request.POST or None, masked=masked)
    context: dict[str, Any] = {"patient": patient, "instruction": row, "shown": not masked}
    if (
        request.method == "POST"
        and form.is_valid()
        and form.run(open_instruction, instruction=row, by=request.user, **form.facts())
    ):
        if masked:
            show_treatment(request, patient.pk)
        return render(request, "dosing/instruction.html", {**context, "shown": True, "opened": form.result})
    if form.non_field_errors():
        # The key of the page is used up: it can be sent again with a new one.
        errors, form = form.non_field_errors(), OpenInstructionForm(masked=masked)
        context["refused"] = errors
    status = 422 if request.method == "POST" else 200
    return render(request, "dosing/instruction.html", {**context, "form": form}, status=status)


def _affected(request: TrialRequest, number: int) -> Lot:
    """Return an affected lot of the trial. Raises Http404 for any other: a blinded reader learns of none."""
    for lot in affected_lots(request.trial):
        if lot.pk == number:
            lot.trial = request.trial
            return lot
    raise Http404


def _instruction_of(patient: Patient, number: int) -> TreatmentInstruction:
    rows = TreatmentInstruction.objects.select_related("issued_by")
    row = get_object_or_404(rows, patient=patient, number=number)
    row.patient = patient
    return row
