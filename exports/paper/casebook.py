"""Casebooks as PDF: one file for one or all patients, or a zip with one PDF per patient (P11-02, CTL-03)."""

import hashlib
import json
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.utils.translation import gettext as _

from exports.paper import labels
from exports.paper.audience import Audience
from exports.paper.division import pieces
from exports.paper.patient import PatientPaper
from exports.paper.typesetting import Making, typeset
from exports.tables.snapshot import snapshot
from patients.models import Patient
from trials.blinding.unblinded_files import LINE, marked_name, sentence
from trials.models import ProtocolVersion

Progress = Callable[[int], None]
# Percent of the progress bar for collecting the data; the rest is for setting the pages.
GATHERED = 70


def write_casebook(
    *,
    audience: Audience,
    codes: list[str],
    making: Making,
    out: Path,
    progress: Progress = lambda done: None,
    most_bytes: int | None = None,
) -> str:
    """Write one PDF with the casebooks of these patients. Return the SHA-256 of its data."""
    return typeset(
        template="casebook",
        head=head(audience, codes),
        parts=parts_of(audience, codes, progress),
        making=making,
        out=out,
        most_bytes=most_bytes,
        divide=pieces,
        progress=lambda share: progress(GATHERED + int((100 - GATHERED) * share)),
    )


def write_casebooks(
    *,
    audience: Audience,
    codes: list[str],
    making: Making,
    out: Path,
    progress: Progress = lambda done: None,
) -> str:
    """Write a zip with one PDF per patient and a manifest. Return the SHA-256 of the manifest.

    Memory does not grow with the number of patients.
    """
    files: list[dict[str, Any]] = []
    stamp = making.at.astimezone(UTC).timetuple()[:6]
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive, TemporaryDirectory() as folder:
        for number, code in enumerate(codes):
            pdf = Path(folder) / "casebook.pdf"
            sha256 = write_casebook(
                audience=audience,
                codes=[code],
                making=making,
                out=pdf,
                progress=one_of_many(progress, number, len(codes)),
            )
            name = marked_name(f"{code}.pdf", marked=audience.holds_treatment)
            with pdf.open("rb") as file:
                whole = hashlib.file_digest(file, "sha256").hexdigest()
            archive.writestr(zipfile.ZipInfo(name, stamp), pdf.read_bytes(), zipfile.ZIP_DEFLATED)
            files.append({"name": name, "patient": code, "data_sha256": sha256, "sha256": whole})
            progress(100 * (number + 1) // len(codes))
        manifest = _manifest(audience, making, files)
        if audience.holds_treatment:
            archive.comment = LINE.encode()
        archive.writestr(zipfile.ZipInfo("manifest.json", stamp), manifest, zipfile.ZIP_DEFLATED)
    return hashlib.sha256(manifest.encode()).hexdigest()


def one_of_many(progress: Progress, number: int, count: int, *, percent: int = 100) -> Progress:
    """Return the progress of one casebook of several (number: from 0), which together are so many percent of a file."""

    def told(done: int) -> None:
        progress(percent * (100 * number + done) // (100 * count))

    return told


def _manifest(audience: Audience, making: Making, files: list[dict[str, Any]]) -> str:
    """Return the manifest: content, author, time, and hashes for verification (CTL-03)."""
    body = {
        **({"warning": LINE} if audience.holds_treatment else {}),
        "trial": audience.trial.slug,
        "made_at": making.at.astimezone(UTC).isoformat(timespec="seconds"),
        "made_by": making.by,
        "treatment_included": audience.sees_treatment,
        "files": files,
    }
    return json.dumps(body, indent=2, ensure_ascii=False) + "\n"


def parts_of(audience: Audience, codes: list[str], progress: Progress) -> Iterator[dict[str, Any]]:
    """Yield one patient after the other, each from one snapshot."""
    for number, code in enumerate(codes):
        with snapshot():
            patient = Patient.objects.select_related("protocol").get(trial=audience.trial, code=code)
            part = PatientPaper(patient, audience).content()
        # Outside the snapshot, whose transaction is read-only on PostgreSQL.
        progress(GATHERED * (number + 1) // len(codes))
        yield part


def head(audience: Audience, codes: list[str]) -> dict[str, Any]:
    """Return the cover of the casebook and the texts around its data."""
    one = codes[0] if len(codes) == 1 else ""
    return {
        "language": audience.language.partition("-")[0],
        "title": _("Casebook of patient %(code)s") % {"code": one} if one else _("Casebooks of all patients"),
        "kind": _("Casebook"),
        "trial": trial_words(audience),
        "facts": [*trial_facts(audience), (_("Patients"), one or str(len(codes)))],
        "notes": notes(audience),
        "words": {name: str(words) for name, words in {**labels.COMMON, **labels.CASEBOOK}.items()},
    }


def trial_words(audience: Audience) -> dict[str, str]:
    """Return the trial's texts for the head of every page."""
    facts = audience.trial.rules.trial
    words = {"id": facts.id, "title": facts.title.in_language(audience.language), "version": facts.version}
    # Printed on the cover and in the head of every page.
    return {**words, "unblinded": sentence()} if audience.holds_treatment else words


def trial_facts(audience: Audience) -> list[tuple[str, str]]:
    """Return the trial's facts for the cover."""
    facts = audience.trial.rules.trial
    versions = sorted(row.version for row in audience.reader.rows[ProtocolVersion].values())
    place = ", ".join(part for part in (facts.site.name, facts.site.city, facts.site.country) if part)
    facts_list = (
        (_("Trial"), facts.id),
        (_("Sponsor"), facts.sponsor or ""),
        (_("Site"), place),
        (_("Protocol versions"), ", ".join(versions)),
    )
    return [(label, words) for label, words in facts_list if words]


def notes(audience: Audience) -> list[str]:
    """Return the notes on how to read the copy."""
    sentences = [
        _("▲ marks what was changed since it was entered. The original value is shown below it with the last change; "
          "every change is in the audit trail at the end."),
        _("↓ and ↑ mark a number below or above what is expected; a laboratory value is shown with the reference range "
          "that was in force. “No entry” means that nothing was entered; a missing "
          "value says why it is missing."),
        _("✓ marks an item that was compared with its source and not changed since."),
        _("Times with an offset are exact. Times without one are on the clock of %(zone)s.") % {"zone": audience.zone},
        _("Identities are never part of this copy. A character that cannot be printed is shown as its number: ‹U+…›."),
        _("The SHA-256 at the foot is that of the data printed here; that of this file is in the register of exports."),
    ]  # fmt: skip
    if audience.trial.masked:
        sentences.append(
            _("This copy holds the treatment: keep it from blinded people.")
            if audience.sees_treatment
            else _("The blind is kept: this copy holds no arm, donor, lot or dose.")
        )
    return sentences
