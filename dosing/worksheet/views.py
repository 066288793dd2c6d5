"""Pages of the worksheet, of the kit at the bedside, and of an override."""

from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters

from accounts.sessions.kept_forms import sent_or_kept
from audit.models import Signature
from dosing.infusions.bedside_views import infusion_address, infusion_of
from dosing.models import Infusion, KitCheck, LateInfusion, StopOverride
from dosing.product_queries.kinds import Target
from dosing.product_queries.log import product_links
from dosing.worksheet.forms import (
    KitForm,
    OverrideForm,
    ReadForm,
    ScanForm,
    SecondPersonForm,
    SignKitForm,
    SignLateForm,
    StepValuesForm,
    StrikeForm,
    WorksheetForm,
)
from dosing.worksheet.give_before import newest_times
from dosing.worksheet.overriding import WORDS, allowed
from dosing.worksheet.plan import last
from dosing.worksheet.screen import ShownStep, worksheet_context
from dosing.worksheet.second_person import preparers
from dosing.worksheet.sheet import BenchSheet, read_sheet
from trials.access import TrialRequest, trial_page
from trials.permissions import Permission as P

Forms = dict[str, WorksheetForm]


@sensitive_post_parameters("password")
@trial_page(see=P.SEE_TREATMENT, change=P.PREPARE_PRODUCT)
def worksheet(request: TrialRequest, code: str, number: int) -> HttpResponse:
    """Show the worksheet of an infusion; record its next step by a scan, values or a signature."""
    row = infusion_of(request, code, number)
    try:
        sheet = read_sheet(row)
    except ValidationError as refused:
        return render(
            request,
            "dosing/worksheet.html",
            {"infusion": row, "patient": row.patient, "problem": " ".join(refused.messages)},
            status=422 if request.method == "POST" else 200,
        )
    forms = _forms_of(request, sheet)
    sent = forms.get(request.POST.get("do", "")) if request.method == "POST" else None
    if sent is not None and _saved(request, sent):
        return redirect(infusion_address(row, "dosing:worksheet"))
    context = {
        "infusion": row,
        "patient": row.patient,
        "may_prepare": request.access.may(P.PREPARE_PRODUCT),
        "is_preparer": request.user.pk in preparers(sheet),
        "sent": sent,
        **{f"{name}_form": form for name, form in forms.items()},
        **(shown := worksheet_context(sheet)),
        "steps": _with_links(request, shown["steps"]),
    }
    return render(request, "dosing/worksheet.html", context, status=422 if request.method == "POST" else 200)


def _with_links(request: TrialRequest, steps: list[ShownStep]) -> list[ShownStep]:
    """Return the steps with the bubbles of their queries."""
    keys = [step.row.pk for step in steps if step.row]
    links = product_links(request.access, Target.WORKSHEET_STEP, keys)
    return [replace(step, links=links.get(step.row.pk, {})) if step.row else step for step in steps]


def _forms_of(request: TrialRequest, sheet: BenchSheet) -> Forms:
    """Return the forms of the page, that which was sent with its answers."""
    row, step = sheet.infusion, sheet.next
    made: Forms = {}

    def data(name: str) -> Any:
        sent = sent_or_kept(request)
        return sent if sent is not None and sent.get("do") == name else None

    made["scan"] = ScanForm(data("scan"), row=row)
    made["read"] = ReadForm(data("read"), row=row)
    if step is not None:
        outside = any(
            line.name == "delivered" and line.position != "within" for line in sheet.lines(timezone.now())
        )
        made["step"] = StepValuesForm(data("step"), row=row, step=step, cells=sheet.cells, outside=outside)
        made["sign"] = SecondPersonForm(data("sign"), row=row, step=step)
    if (done := last([*sheet.done])) is not None:
        made["strike"] = StrikeForm(data("strike"), row=row, step=done)
    return made


def _saved(request: TrialRequest, form: WorksheetForm) -> bool:
    sees = request.access.may(P.SEE_IDENTITY)
    return form.is_valid() and form.save(by=request.user, sees_identity=sees)


@sensitive_post_parameters("password")
@trial_page(see=P.RECORD_INFUSION, change=P.RECORD_INFUSION)
def kit(request: TrialRequest, code: str, number: int) -> HttpResponse:
    """Compare the kit at the bedside with patient and order; the second person signs. The same in both arms."""
    row = infusion_of(request, code, number)
    posted = sent_or_kept(request)
    do = posted.get("do", "") if posted is not None else ""
    sees = request.access.may(P.SEE_IDENTITY)
    forms: Forms = {
        "kit": KitForm(posted if do == "kit" else None, row=row, sees_identity=sees),
        "sign-kit": SignKitForm(posted if do == "sign-kit" else None, row=row),
        "sign-late": SignLateForm(posted if do == "sign-late" else None, row=row),
    }
    sent = forms.get(do) if request.method == "POST" else None
    if sent is not None and _saved(request, sent):
        messages.success(request, _("It is recorded."))
        return redirect(infusion_address(row, "dosing:kit-check"))
    context = {"infusion": row, "patient": row.patient, "sent": sent, **kit_context(request, row)}
    context |= {"kit_form": forms["kit"], "sign_form": forms["sign-kit"], "late_form": forms["sign-late"]}
    return render(request, "dosing/kit_check.html", context, status=422 if request.method == "POST" else 200)


def kit_context(request: TrialRequest, row: Infusion) -> dict[str, Any]:
    """Return the facts of the kit that the ward reads: its comparison, and an infusion that was documented late."""
    check = KitCheck.objects.filter(infusion=row).select_related("checked_by").order_by("-pk").first()
    late = LateInfusion.objects.filter(infusion=row).select_related("recorded_by").first()
    return {
        "check": check,
        "check_signed": _signature(KitCheck._meta.label_lower, check.pk) if check else None,
        "is_checker": check is not None and check.checked_by_id == request.user.pk,
        "late": late,
        "late_signed": _signature(LateInfusion._meta.label_lower, late.pk) if late else None,
        "is_writer": late is not None and late.recorded_by_id == request.user.pk,
        "give_before": newest_times(row),
        "open": row.state == Infusion.State.PLANNED,
    }


def _signature(kind: str, key: int) -> Signature | None:
    return Signature.objects.filter(target_type=kind, target_id=key, invalidated_at=None).first()


@sensitive_post_parameters("password")
@trial_page(see=P.SIGN, change=P.SIGN)
def override(request: TrialRequest, code: str, number: int) -> HttpResponse:
    """Override a hard stop that the protocol names, as an investigator who signs. Nothing in a masked trial."""
    row = infusion_of(request, code, number)
    form = OverrideForm(sent_or_kept(request), row=row)
    if request.method == "POST" and _saved(request, form):
        messages.success(request, _("The hard stop is overridden, and the deviation is open."))
        return redirect(infusion_address(row, "dosing:override"))
    rows = StopOverride.objects.visible_to(request.user).filter(infusion=row).select_related("requested_by")
    context = {
        "infusion": row,
        "patient": row.patient,
        "form": form,
        "allowed": allowed(row.patient),
        "rows": [(WORDS[each.stop], each) for each in rows.order_by("pk")],
    }
    return render(request, "dosing/override.html", context, status=422 if request.method == "POST" else 200)
