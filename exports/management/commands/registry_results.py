"""`manage.py registry_results --trial SLUG --format eudract|ctgov [--meddra 26.1] [--terms FILE.csv] --out FILE`"""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.utils import translation
from django.utils.translation import gettext as _

from audit.context import acting
from audit.export_register import Channel, Sending, registered
from exports.authorities.event_tables import TermsRefused, coded_terms, counted_events, reporting_arms
from exports.authorities.files import whole_file
from exports.management.paper_command import CommandArguments, PaperCommand
from safety.dictionaries.loading import INVENTED
from safety.registries import ctgov, eudract
from safety.registries.problems import SENTENCES, is_threshold, problems
from safety.registries.rows import RegisterFacts
from safety.registries.table import EventTable, count
from trials.models import Trial
from trials.permissions import Permission

WRITERS = {"eudract": eudract.xml_of, "ctgov": ctgov.xml_of}


class Command(PaperCommand):
    help = "Write the table of adverse events for a public register, counted from the events of the trial."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--format", required=True, choices=sorted(WRITERS))
        parser.add_argument(
            "--meddra",
            default="",
            metavar="VERSION",
            help="version of MedDRA, such as 26.1; without it the one that the protocol file names",
        )
        parser.add_argument(
            "--terms",
            type=Path,
            help="CSV with the columns term, preferred_term, organ_class (code or words), for terms without a code",
        )
        parser.add_argument(
            "--threshold", default="0", help="percent that other events must exceed to be listed, 0 to 5"
        )
        parser.add_argument("--time-frame", default="", help="from when to when events were collected")

    def handle(self, *args: Any, **options: Any) -> None:
        arguments = self.parsed(options)
        if not is_threshold(options["threshold"]):
            raise CommandError("--threshold is a number from 0 to 5")
        with translation.override(arguments.audience.language):
            table, facts = _table(arguments, options)
            found = problems(table, facts)
            if found:
                sentences = [_(SENTENCES[each.fault]) % {"about": each.about} for each in found]
                raise CommandError("The file cannot be made yet:\n" + "\n".join(sentences))
        content = WRITERS[options["format"]](table, facts)
        with acting(user=arguments.user, system="documents"), whole_file(arguments.out) as place:
            place.write_bytes(content)
            _register(content, arguments, table, options["format"])
        self.stdout.write(
            f"{arguments.out}: {len(content)} bytes, {table.left_out} events without infusion left out"
        )


def _table(arguments: CommandArguments, options: dict[str, Any]) -> tuple[EventTable, RegisterFacts]:
    trial = arguments.trial
    try:
        coded = coded_terms(options["terms"]) if options["terms"] else {}
    except TermsRefused as refused:
        raise CommandError(str(refused)) from refused
    release = _release(trial, options["meddra"])
    days = trial.rules.trial.follow_up_days
    facts = RegisterFacts(
        time_frame=options["time_frame"] or f"From the first infusion to day {days}",
        dictionary_version=release,
        threshold=options["threshold"],
    )
    arms = reporting_arms(trial, sees_treatment=arguments.audience.sees_treatment)
    return count(
        events=counted_events(trial, coded, release), arms=arms, threshold=options["threshold"]
    ), facts


def _release(trial: Trial, named: str) -> str:
    """Return the version of MedDRA. Raises CommandError without one, and for the invented one in production."""
    release = named or trial.rules.safety.meddra or ""
    if not release:
        raise CommandError("The protocol file names no release of MedDRA: give its version with --meddra")
    if settings.PRODUCTION and release == INVENTED:
        raise CommandError(f"{release} is an invented dictionary: no register takes it")
    return release


def _register(content: bytes, arguments: CommandArguments, table: EventTable, format_: str) -> None:
    shows_arms = arguments.trial.masked and len(table.arms) > 1
    sending = Sending(
        channel=Channel.DOCUMENT,
        trial_id=arguments.trial.pk,
        treatment=shows_arms,
        told={"format": format_, "arms": len(table.arms)},
        see=str(Permission.SEE_TREATMENT) if shows_arms else "",
    )
    registered(content, sending)
