"""`{% subject_header patient %}`: the header of a patient's pages."""

from typing import Any

from django import template

from accounts.addresses import address
from patients.models import Patient
from reports.casebook.subject import header
from trials.permissions import Permission

register = template.Library()


@register.inclusion_tag("components/subject.html", takes_context=True)
def subject_header(context: dict[str, Any], patient: Patient) -> dict[str, Any]:
    """Return the context of the header, with the buttons that the user may use."""
    request = context["request"]
    may_report = request.access.may(Permission.REPORT_EVENT)
    return {
        "request": request,
        "patient": patient,
        "subject": header(patient, request.access, context.get("dossier")),
        "may_report": may_report and patient.state != Patient.State.SCREEN_FAILED,
        "casebook": address("reports:casebook", request.trial.slug, patient.code),
    }
