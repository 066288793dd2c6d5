"""`manage.py sae_report --trial SLUG --patient CODE --event N [--report FU1] --format e2b|cioms --out FILE`"""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone, translation

from audit.context import acting
from audit.export_register import Channel, Sending, registered
from exports.authorities.files import whole_file
from exports.management.paper_command import CommandArguments, PaperCommand
from exports.paper.cioms import write_cioms
from exports.paper.typesetting import Making, NotPrinted
from safety.icsr.writing import xml_of
from safety.models import AdverseEvent
from safety.sae_reports.completeness import CheckedCase, checked_case
from safety.sae_reports.report_views import title_of
from safety.sae_reports.sending import may_be_reported
from safety.sae_reports.stored import SaeReport, label_of, number_of
from safety.sae_reports.supplement import CaseSupplement


class Command(PaperCommand):
    help = (
        "Write a report of a serious event that was sent: for the authority as E2B(R3), or as form CIOMS I."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--patient", required=True, help="subject code")
        parser.add_argument("--event", required=True, type=int, help="number of the event of this patient")
        parser.add_argument("--report", default="", help="initial, FU1, FU2 …; without it the last one")
        parser.add_argument("--format", required=True, choices=("e2b", "cioms"))
        parser.add_argument("--sender", default="", help="identifier of the sender at the authority (N.1.3)")
        parser.add_argument("--receiver", default="", help="identifier of the authority (N.1.4)")

    def handle(self, *args: Any, **options: Any) -> None:
        arguments = self.parsed(options)
        event = _event(arguments, options["patient"], options["event"])
        reports = _reports_until(event, options["report"])
        supplement = CaseSupplement(sender=options["sender"], receiver=options["receiver"])
        with translation.override(arguments.audience.language):
            checked = checked_case(event=event, reports=reports, supplement=supplement)
            if options["format"] == "e2b" and checked.findings:
                raise CommandError("The file cannot be made yet:\n" + "\n".join(checked.sentences))
            with acting(user=arguments.user, system="documents"), whole_file(arguments.out) as place:
                _written(place, arguments, checked, reports[-1], options["format"])
                _register(place, arguments, event, reports[-1], options["format"])
        self.stdout.write(f"{arguments.out}: {arguments.out.stat().st_size} bytes")


def _event(arguments: CommandArguments, code: str, number: int) -> AdverseEvent:
    events = AdverseEvent.objects.filter(trial=arguments.trial, patient__code=code, number=number)
    event = events.select_related("patient__trial__protocol", "patient__protocol").first()
    if event is None:
        raise CommandError(f"{arguments.trial.slug} has no event {number} of a patient {code}")
    if not may_be_reported(event):
        raise CommandError(f"{code} {event} is not serious: it has no report")
    return event


def _reports_until(event: AdverseEvent, label: str) -> list[SaeReport]:
    """Return the reports of the event up to the one that is asked for."""
    sent = list(event.reports.order_by("number"))
    if not sent:
        raise CommandError(
            f"No report of {event.patient.code} {event} was sent yet: send it on the event's page"
        )
    number = number_of(label) if label else sent[-1].number
    if number is None or number >= len(sent):
        known = ", ".join(label_of(report.number) for report in sent)
        raise CommandError(f"There is no report {label}. Sent: {known}")
    return sent[: number + 1]


def _written(
    place: Path, arguments: CommandArguments, checked: CheckedCase, report: SaeReport, format_: str
) -> None:
    if format_ == "e2b":
        place.write_bytes(xml_of(checked.case))
        return
    at = timezone.now()
    making = Making(at=at, at_words=arguments.audience.instant(at), by=arguments.by)
    kind, audience = title_of(report), arguments.audience
    try:
        write_cioms(case=checked.case, kind=kind, audience=audience, making=making, out=place)
    except NotPrinted as refused:
        raise CommandError(str(refused)) from refused


def _register(
    place: Path, arguments: CommandArguments, event: AdverseEvent, report: SaeReport, format_: str
) -> None:
    sending = Sending(
        channel=Channel.DOCUMENT,
        trial_id=arguments.trial.pk,
        patient_id=event.patient_id,
        treatment=False,
        told={"format": format_, "event": event.number, "report": label_of(report.number)},
    )
    registered(place.read_bytes(), sending)
