"""`manage.py replay --trial SLUG FILE.csv`: store a published table of patients as a study. Never in production."""

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Mapping, Sequence
from datetime import date, time
from hashlib import sha256
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.db import transaction

from accounts.models import User
from audit.context import acting
from audit.management.operator import OperatorCommand
from audit.stored_text import system_text
from demo.people import make_people
from demo.replay.reading import DAY_ZERO, INCLUSION, CourseReading, ReplayFiles, ReplayRules
from demo.replay.replaying import Replay, ReplayRefused
from demo.replay.steps import ReplayReport, ReplaySteps
from demo.replay.tables import Table, read_table
from trials.models import Trial

SHOWN = 12


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name.strip() and equals and value.strip()):
        raise ArgumentTypeError(f"{text!r}: write NAME=VALUE")
    return name.strip(), value.strip()


class Command(OperatorCommand):
    asks_why = False
    help = (
        "Store a table of patients as a study through the ordinary steps (docs/replay.md). Training and scratch"
        " databases only. Every mistake is listed by line and column, and then nothing is stored."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="CSV file with one line for each patient")
        parser.add_argument("--trial", required=True, metavar="SLUG", help="a trial without patients")
        parser.add_argument("--visits", type=Path, metavar="FILE", help="one line for each visit")
        parser.add_argument("--events", type=Path, metavar="FILE", help="one line for each adverse event")
        parser.add_argument(
            "--log",
            type=_pair,
            action="append",
            default=[],
            metavar="FORM=FILE",
            help="one line for each row of a log",
        )
        parser.add_argument(
            "--start", type=date.fromisoformat, metavar="YYYY-MM-DD", help="the day from which day 0 counts"
        )
        parser.add_argument(
            "--day-zero",
            choices=list(DAY_ZERO),
            default=INCLUSION,
            help="what the numbers of days count from",
        )
        parser.add_argument("--first-day", type=int, choices=[0, 1], default=0, help="number of that day")
        parser.add_argument(
            "--clock",
            type=time.fromisoformat,
            default=time(12),
            metavar="HH:MM",
            help="time of a day without one",
        )
        parser.add_argument(
            "--set", type=_pair, action="append", default=[], dest="constants", metavar="COLUMN=VALUE",
            help="value of a column in every line where it is blank",
        )  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("Production replays no table: use a training or a scratch database")
        trial = _trial(options["trial"])
        files = ReplayFiles(
            patients=_table(options["file"]),
            visits=_table(options["visits"]) if options["visits"] else None,
            events=_table(options["events"]) if options["events"] else None,
            logs={form: _table(Path(name)) for form, name in _logs(options["log"], trial).items()},
        )
        names = ("start", "day_zero", "clock")
        how = ReplayRules(
            first=options["first_day"],
            constants=dict(options["constants"]),
            **{name: options[name] for name in names},
        )
        reading = CourseReading(files, trial.rules, how)
        courses = reading.read()
        source = {"file": options["file"].name, "sha256": sha256(options["file"].read_bytes()).hexdigest()}
        try:
            # The training accounts belong to it: a refusal leaves none behind.
            with transaction.atomic():
                steps = ReplaySteps(
                    trial,
                    _people(trial),
                    settings.DEMO_PASSWORD,
                    source=source,
                    why=options["reason"].strip(),
                )
                report = Replay(steps).store(courses, list(reading.mistakes))
        except ReplayRefused as refused:
            for mistake in refused.mistakes:
                self.stderr.write(str(mistake))
            raise CommandError(
                f"{len(refused.mistakes)} mistakes in {options['file'].name}: no patient was stored."
            ) from refused
        self._written(report)

    def _written(self, report: ReplayReport) -> None:
        for name, count in report.counts.items():
            self.stdout.write(f"{name}: {count}")
        if report.drafts:
            self.stdout.write("Forms that stay drafts, because the table has no answer to (forms):")
            self._listed([f"  {item}: {count}" for item, count in report.drafts.most_common()])
        if report.confirmed:
            self.stdout.write("Contradictions stored as the table states them:")
            self._listed([f"  {sentence}" for sentence in report.confirmed])

    def _listed(self, lines: Sequence[str]) -> None:
        for line in lines[:SHOWN]:
            self.stdout.write(line)
        if len(lines) > SHOWN:
            self.stdout.write(f"  and {len(lines) - SHOWN} more")


def _trial(slug: str) -> Trial:
    """Return the trial of a replay. Raises CommandError for one that is not known, or not free for it."""
    trial = Trial.objects.select_related("protocol").filter(slug=slug).first()
    if trial is None:
        known = ", ".join(Trial.objects.values_list("slug", flat=True)) or "none; load a protocol file first"
        raise CommandError(f"No trial {slug}. Known: {known}")
    if trial.protocol is None:
        raise CommandError(f"No version of the protocol of {slug} is in force")
    if trial.patients.exists():
        raise CommandError(f"{slug} has patients: a table is replayed into a trial without any")
    if User.objects.filter(is_demo=False).exists():
        raise CommandError("The database has accounts of people: a table is replayed where there are none")
    return trial


def _people(trial: Trial) -> Mapping[str, User]:
    """Return the training accounts by role. Raises CommandError if they have another password."""
    with acting(system="replay", reason=system_text("demo.training")):
        people = make_people([trial], settings.DEMO_PASSWORD)
    if not people["investigator"].check_password(settings.DEMO_PASSWORD):
        raise CommandError("The training accounts have another password: set DEMO_PASSWORD to it")
    return people


def _table(path: Path) -> Table:
    try:
        return read_table(str(path), path.read_bytes())
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}") from error


def _logs(pairs: Sequence[tuple[str, str]], trial: Trial) -> Mapping[str, str]:
    for form, _name in pairs:
        if form not in trial.rules.logs:
            known = ", ".join(trial.rules.logs) or "none"
            raise CommandError(f"--log {form}: the protocol has no such log. Known: {known}")
    return dict(pairs)
