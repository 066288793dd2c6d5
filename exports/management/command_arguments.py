"""Arguments shared by the commands that write a file: the trial and the output path."""

import errno
import os
from argparse import ArgumentParser
from collections.abc import Iterable
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from django.core.management.base import CommandError

from exports.formats.registry import refuse_rows
from exports.selection import ChoiceRefused, ChosenRows, Only, chosen
from trials.blinding.unblinded_files import WORD
from trials.models import Trial


def trial_named(name: str) -> Trial:
    """Return the trial with this slug, in upper or lower case. Raises CommandError that lists the known slugs."""
    trial = Trial.objects.select_related("protocol").filter(slug=name.lower()).first()
    if trial is None:
        known = ", ".join(Trial.objects.values_list("slug", flat=True)) or "none; run load_protocol first"
        raise CommandError(f"No trial {name}. Known: {known}")
    return trial


def refuse_unless_new(out: Path) -> None:
    """Raise CommandError if the file exists or its folder does not."""
    if out.exists():
        raise CommandError(f"{out} exists already: choose another name")
    if not out.parent.is_dir():
        raise CommandError(f"There is no folder {out.parent}: make it first, or choose another place")


def refuse_unmarked(out: Path, *, holds_treatment: bool) -> None:
    """Raise CommandError if a file with the treatment of a masked trial does not say so in its name."""
    if holds_treatment and WORD not in out.name:
        raise CommandError(
            f"{out} will hold the treatment of a masked trial: its name has to say {WORD}, such as {WORD}-{out.name}"
        )


def add_selection_arguments(parser: ArgumentParser) -> None:
    """Add the arguments that choose the rows of an export."""
    parser.add_argument(
        "--as-of",
        default="",
        metavar="ISO",
        help="the data as they were: a day (until its end) or a moment, at the site unless it has an offset",
    )
    parser.add_argument(
        "--only", choices=Only.values, default="", help="only what is signed, verified or locked now"
    )
    parser.add_argument("--without-drafts", action="store_true", help="leave out forms that nobody completed")
    parser.add_argument("--until", default="", metavar="DAY", help="leave out what happened after this day")
    parser.add_argument(
        "--shared",
        action="store_true",
        help="de-identified: dates moved, other subject codes, no trail, no files, no times of signature",
    )
    parser.add_argument(
        "--with-free-text", action="store_true", help="with --shared: keep texts that people typed"
    )
    for name, plural in (("form", "forms"), ("visit", "visits"), ("patient", "patients")):
        parser.add_argument(
            f"--{name}", nargs="+", action="extend", default=[], metavar="CODE", help=f"only these {plural}"
        )


def selection_of(trial: Trial, options: dict[str, Any]) -> ChosenRows:
    """Return the rows that were chosen. Raises CommandError that names what exists."""
    try:
        found = chosen(
            trial,
            as_of=options["as_of"],
            only=options["only"],
            drafts=not options["without_drafts"],
            forms=options["form"],
            visits=options["visit"],
            patients=options["patient"],
            until=options["until"],
            shared=options["shared"],
            free_text=options["with_free_text"],
        )
        refuse_rows(options["format"], found)
    except ChoiceRefused as refused:
        raise CommandError(str(refused)) from refused
    return found


def write_whole(out: Path, pieces: Iterable[bytes]) -> None:
    """Write a file under its name only when it is whole: one that fails half way leaves nothing.

    Raises CommandError if somebody made a file of this name meanwhile, and if the disk is full.
    """
    try:
        with NamedTemporaryFile(dir=out.parent, prefix=f".{out.name}.", suffix=".part") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
            put_whole(Path(file.name), out)
    except OSError as wrong:
        if wrong.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise CommandError(
            f"{out} is not written: the disk is full. Make room, or choose another place"
        ) from wrong


def put_whole(made: Path, out: Path) -> None:
    """Give a whole file its name. Raises CommandError if somebody made a file of this name meanwhile."""
    try:
        # A link, not a renaming: it refuses to replace a file.
        os.link(made, out)
    except FileExistsError:
        raise CommandError(f"{out} exists already: choose another name") from None
