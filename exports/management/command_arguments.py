"""Arguments shared by the commands that write a file: the trial and the output path."""

from pathlib import Path

from django.core.management.base import CommandError

from trials.models import Trial
from trials.unblinded_files import WORD


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
