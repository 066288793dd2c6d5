"""`manage.py sae_report --trial SLUG --patient CODE --event N [--report FU1] --format e2b|cioms --out FILE`"""

from argparse import ArgumentParser
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from django.core.management.base import CommandError
from django.utils import timezone, translation

from audit.context import acting
from audit.export_register import Channel, Sending, registered
from audit.trail import history_model
from exports.authorities.files import whole_file
from exports.management.paper_command import CommandArguments, PaperCommand
from exports.paper.cioms import write_cioms
from exports.paper.typesetting import Making, NotPrinted
from exports.tables.snapshot import snapshot_of
from safety.authority.case_parts import supplement_of
from safety.authority.stored import AuthorityReport
from safety.icsr.case import IndividualCase
from safety.icsr.writing import xml_of
from safety.models import AdverseEvent
from safety.sae_reports.completeness import checked_case
from safety.sae_reports.report_views import title_of
from safety.sae_reports.sending import may_be_reported
from safety.sae_reports.stored import SaeReport, label_of, number_of
from trials.permissions import Permission

Sent = TypeVar("Sent", SaeReport, AuthorityReport)


class Command(PaperCommand):
    help = (
        "Write a report of a serious event: to the authority as E2B(R3), as it was sent or, before that, as it stands; "
        "or a report of the site as form CIOMS I, as it was sent."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--patient", required=True, help="subject code")
        parser.add_argument("--event", required=True, type=int, help="number of the event of this patient")
        parser.add_argument("--report", default="", help="initial, FU1, FU2 …; without it the last one")
        parser.add_argument("--format", required=True, choices=("e2b", "cioms"))
        parser.add_argument(
            "--sender", default="", help="identifier of the sender (N.1.3), until a report is sent"
        )
        parser.add_argument("--receiver", default="", help="identifier of the authority (N.1.4), likewise")

    def handle(self, *args: Any, **options: Any) -> None:
        arguments = self.parsed(options)
        is_message = options["format"] == "e2b"
        if is_message:
            _refuse_without_right(arguments)
        event = _event(arguments, options["patient"], options["event"])
        with (
            translation.override(arguments.audience.language),
            acting(user=arguments.user, system="documents"),
            whole_file(arguments.out) as place,
        ):
            write = _message if is_message else _form
            report = write(place, arguments, event, options)
            _register(place, arguments, event, {"format": options["format"], "report": report})
        self.stdout.write(f"{arguments.out}: {arguments.out.stat().st_size} bytes, {report}")


def _refuse_without_right(arguments: CommandArguments) -> None:
    """Raise CommandError for a person who is not of drug safety: that a case was completed or sent may tell the arm."""
    if arguments.user is not None and str(Permission.JUDGE_CASE) not in arguments.audience.may:
        raise CommandError(
            f"{arguments.user.get_username()} may not have files for the authority: drug safety may"
        )


def _event(arguments: CommandArguments, code: str, number: int) -> AdverseEvent:
    events = AdverseEvent.objects.filter(trial=arguments.trial, patient__code=code, number=number)
    event = events.select_related("patient__trial__protocol", "patient__protocol").first()
    if event is None:
        raise CommandError(f"{arguments.trial.slug} has no event {number} of a patient {code}")
    if not may_be_reported(event):
        raise CommandError(f"{code} {event} is not serious: it has no report")
    return event


def _message(place: Path, arguments: CommandArguments, event: AdverseEvent, options: dict[str, Any]) -> str:
    """Write the message to the authority, as it was sent, else the case as it stands. Return what it is.

    Raises CommandError.
    """
    sent = list(event.authority_reports.order_by("number"))
    if sent:
        report: AuthorityReport = _until(sent, options["report"])[-1]
        place.write_text(report.message, encoding="utf-8", newline="")
        return str(report)
    reports = _reports_until(event, options["report"])
    given = {name: options[name] for name in ("sender", "receiver") if options[name]}
    supplement = replace(supplement_of(event, ()), label=label_of(reports[-1].number), **given)
    checked = checked_case(event=event, reports=reports, supplement=supplement)
    if checked.findings:
        raise CommandError("The file cannot be made yet:\n" + "\n".join(checked.sentences))
    place.write_bytes(xml_of(checked.case))
    return "draft"


def _form(place: Path, arguments: CommandArguments, event: AdverseEvent, options: dict[str, Any]) -> str:
    """Write form CIOMS I of a report of the site, with the data as they were when it was sent. Return its label.

    Raises CommandError.
    """
    reports = _reports_until(event, options["report"])
    at = timezone.now()
    making = Making(at=at, at_words=arguments.audience.instant(at), by=arguments.by)
    kind, audience = title_of(reports[-1]), arguments.audience
    try:
        write_cioms(
            case=_as_sent(arguments, event, reports), kind=kind, audience=audience, making=making, out=place
        )
    except NotPrinted as refused:
        raise CommandError(str(refused)) from refused
    return label_of(reports[-1].number)


def _as_sent(arguments: CommandArguments, event: AdverseEvent, reports: list[SaeReport]) -> IndividualCase:
    """Return the case as the trail has it at the last of these reports: what was corrected since is not in it."""
    stored = history_model(SaeReport)._default_manager.filter(id=reports[-1].pk).order_by("history_id")
    moment = stored.values_list("history_date", flat=True)[0]
    with snapshot_of(arguments.trial, moment):
        then = _event(arguments, event.patient.code, event.number)
        return checked_case(event=then, reports=reports).case


def _reports_until(event: AdverseEvent, label: str) -> list[SaeReport]:
    """Return the reports of the site up to the one that is asked for."""
    sent = list(event.reports.order_by("number"))
    if not sent:
        raise CommandError(
            f"No report of {event.patient.code} {event} was sent yet: send it on the event's page"
        )
    return _until(sent, label)


def _until(sent: list[Sent], label: str) -> list[Sent]:
    """Return the reports up to the one of this name. Raises CommandError that names those that there are."""
    number = number_of(label) if label else sent[-1].number
    if number is None or number >= len(sent):
        known = ", ".join(label_of(report.number) for report in sent)
        raise CommandError(f"There is no report {label}. Sent: {known}")
    return sent[: number + 1]


def _register(place: Path, arguments: CommandArguments, event: AdverseEvent, told: dict[str, Any]) -> None:
    sending = Sending(
        channel=Channel.DOCUMENT,
        trial_id=arguments.trial.pk,
        patient_id=event.patient_id,
        treatment=False,
        # That a message was made tells that the case is reported, which depends on the arm.
        see=str(Permission.JUDGE_CASE) if told["format"] == "e2b" else "",
        told={**told, "event": event.number},
    )
    registered(place.read_bytes(), sending)
