"""The copy of the investigator: casebooks, tables, ODM, trail, files and seals in one archive, with its check (CTL-01).

In a masked trial it is made for its reader: a blinded one gets nothing that depends on the arm. Tables of the product
are left out for all patients alike, and seals are given by their heads alone, because the numbers of sealed rows count
rows of the product too.
"""

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings

from audit.canonical import canonical
from audit.models import Seal
from audit.sealing.seal_files import file_line
from exports.archive_check import layout
from exports.archive_check.single_file import single_file
from exports.exporting import attached_files, tables_of
from exports.formats import odm_files
from exports.formats.data_files import Exported, ReaderRights
from exports.paper.audience import Audience
from exports.paper.casebook import one_of_many, write_casebook
from exports.paper.typesetting import Making
from exports.sealed_copy import SealedCopy, write_sealed_rows
from exports.tables.cells import csv_chunks
from exports.tables.description import diagram
from exports.tables.long_texts import LongTexts
from exports.tables.manifest import NOTES, DamagedFile
from exports.tables.snapshot import snapshot
from trials.blinding.unblinded_files import LINE, marked_name

Progress = Callable[[int], None]
README = """\
This is the investigator's own copy of the data of a trial at this site.

casebooks/   one PDF for each patient: every value, signature and change
tables/      the same data as CSV with a data dictionary; audit_trail.csv is the audit trail;
             tables.txt draws how they join
odm/         the same data in one XML file of CDISC ODM 1.3.2: the definitions of every version of the protocol,
             and every change with its audit record; applied in their order, the changes give the data as they are
protocols/   each version of the protocol file as it was loaded; left out where the trial is masked and the reader of
             this copy is blinded, because the file holds the sizes of the blocks. protocol_versions in the manifest
             has the first day and the SHA-256 of each
files/       the files attached to forms
seals/       the heads of the seals of the audit trail; compare them with the file of the seals that the site holds;
             the rows of the trail as they were sealed, with which audit_trail.csv is compared line by line
manifest.json  who made this copy, when, what it holds, and the SHA-256 of each file

Check it with: python3 verify.py COPY.zip (or manage.py verify_archive COPY.zip). Neither needs a server or a database.
"""
LEFT_OUT = (
    "Left out because the trial is masked and the reader of this copy is blinded: the tables of the product, its rows "
    "in the trail, the numbers of sealed rows, and the texts of the protocol files, which hold the sizes of blocks. "
    "They are left out for all patients alike."
)


@dataclass
class _CopyWriter:
    """The archive while it is written, and what the manifest says of each file."""

    archive: zipfile.ZipFile
    stamp: tuple[int, ...]
    files: list[dict[str, Any]] = field(default_factory=list)

    def add(self, name: str, pieces: Iterable[bytes], *, packed: bool = True) -> dict[str, Any]:
        """Write a file piece by piece; return its facts."""
        digest, size = hashlib.sha256(), 0
        with self.archive.open(self._entry(name, packed=packed), "w", force_zip64=True) as entry:
            for piece in pieces:
                digest.update(piece)
                size += len(piece)
                entry.write(piece)
        facts = {"name": name, "bytes": size, "sha256": digest.hexdigest(), "rows": 0}
        self.files.append(facts)
        return facts

    def last(self, name: str, content: str) -> None:
        """Write the manifest, which does not list itself."""
        self.archive.writestr(self._entry(name, packed=False), content)

    def _entry(self, name: str, *, packed: bool) -> zipfile.ZipInfo:
        entry = zipfile.ZipInfo(name, self.stamp)  # type: ignore[arg-type]
        # Hashes do not pack: their files are stored, so that the size of the archive does not depend on them.
        entry.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
        entry.external_attr = 0o600 << 16
        return entry


def write_investigator_copy(
    *,
    audience: Audience,
    codes: list[str],
    making: Making,
    out: Path,
    progress: Progress = lambda done: None,
) -> str:
    """Write the archive. Return the SHA-256 of its manifest. Memory does not grow with the number of patients."""
    with zipfile.ZipFile(out, "w") as archive:
        archive.comment = (LINE if audience.holds_treatment else "").encode()
        writer = _CopyWriter(archive, making.at.astimezone(UTC).timetuple()[:6])
        _casebooks(writer, audience, codes, making, progress)
        damaged = list[DamagedFile]()
        # One snapshot: rows of one table never refer to rows that another lacks.
        with snapshot():
            _tables(writer, audience)
            _odm(writer, audience, making)
            protocols = _protocols(writer, audience)
            tied = write_sealed_rows(writer.add, audience)
            last_seal = _seals(writer, audience)
            if audience.sees_files:
                for name, content in attached_files(audience.trial, damaged):
                    writer.add(name, [content])
        writer.add("README.txt", [README.encode()])
        writer.add("verify.py", [single_file()])
        manifest = _manifest(audience, codes, making, writer, last_seal, damaged, tied, protocols)
        writer.last(layout.MANIFEST, manifest)
    return hashlib.sha256(manifest.encode()).hexdigest()


def _casebooks(
    writer: _CopyWriter, audience: Audience, codes: list[str], making: Making, progress: Progress
) -> None:
    with TemporaryDirectory() as folder:
        for number, code in enumerate(codes):
            pdf = Path(folder) / "casebook.pdf"
            told = one_of_many(progress, number, len(codes), percent=90)
            write_casebook(audience=audience, codes=[code], making=making, out=pdf, progress=told)
            name = marked_name(f"{code}.pdf", marked=audience.holds_treatment)
            writer.add(f"casebooks/{name}", [pdf.read_bytes()])
            progress(90 * (number + 1) // len(codes))


def _tables(writer: _CopyWriter, audience: Audience) -> None:
    tables = list(
        tables_of(audience.trial, sees_treatment=audience.sees_treatment, sees_files=audience.sees_files)
    )
    writer.add(f"tables/{diagram.NAME}", [diagram.diagram(tables).encode()])
    written = set()
    for table in tables:
        count, long_texts = [0], LongTexts()
        chunks = csv_chunks(table.header, table.rows(), count, long_texts)
        facts = writer.add(f"tables/{table.file}", chunks)
        facts["rows"] = count[0]
        for name, content in long_texts.taken():
            if name not in written:
                written.add(name)
                writer.add(name, [content])


def _odm(writer: _CopyWriter, audience: Audience, making: Making) -> None:
    """Write every change with its audit record; the number of rows is that of the transactions."""
    reader = ReaderRights(audience.sees_treatment, audience.sees_files)
    exported = Exported(audience.trial.slug, making.at, settings.VERSION)
    made = odm_files.transactions(audience.trial, exported, reader)
    name = marked_name(made.name, marked=audience.holds_treatment)
    facts = writer.add(f"{layout.ODM}{name}", made.pieces)
    facts["rows"] = made.count[0]


def _protocols(writer: _CopyWriter, audience: Audience) -> list[dict[str, str]]:
    """Write the text of each version of the protocol for who may read it; return the facts of all, oldest first."""
    may_read = audience.sees_treatment or not audience.trial.masked
    found = []
    for version in reversed(audience.versions):
        name = f"{layout.PROTOCOLS}{version.version}.toml" if may_read else ""
        if name:
            writer.add(name, [version.text.encode()])
        found.append(
            {
                "version": version.version,
                "effective_from": version.effective_from.isoformat(),
                "sha256": version.sha256,
                "file": name,
            }
        )
    return found


def _seals(writer: _CopyWriter, audience: Audience) -> str:
    """Write the seals; return the last head. A blinded reader of a masked trial gets the heads alone."""
    seals = list(Seal.objects.order_by("number"))
    lines = "".join(f"{file_line(one)}\n" for one in seals)
    writer.add(layout.LINES, [lines.encode()], packed=False)
    if audience.sees_treatment or not audience.trial.masked:
        facts = writer.add(layout.SEALS, _seal_rows(seals))
        facts["rows"] = len(seals)
    return seals[-1].head if seals else ""


def _seal_rows(seals: list[Seal]) -> Iterator[bytes]:
    text = io.StringIO(newline="")
    rows = csv.writer(text)
    rows.writerow([*layout.HEAD_FIELDS, "head"])
    for one in seals:
        at = json.loads(canonical(one.sealed_at))
        rows.writerow([one.number, at, one.reason, one.rows, one.root, one.previous_head, one.head])
    yield text.getvalue().encode()


def _manifest(
    audience: Audience,
    codes: list[str],
    making: Making,
    writer: _CopyWriter,
    last_seal: str,
    damaged: list[DamagedFile],
    tied: SealedCopy,
    protocols: list[dict[str, str]],
) -> str:
    trial = audience.trial
    concealed = trial.masked and not audience.sees_treatment
    body: dict[str, Any] = {
        **({"warning": LINE} if audience.holds_treatment else {}),
        "format": layout.FORMAT,
        "trial": trial.slug,
        "protocol_version": trial.protocol.version if trial.protocol else "",
        "protocol_versions": protocols,
        "made_at": making.at.astimezone(UTC).isoformat(timespec="seconds"),
        "made_by": making.by,
        "treatment_included": audience.sees_treatment,
        "left_out": LEFT_OUT if concealed else "",
        "complete": not damaged,
        "damaged_files": [each.name for each in damaged],
        "patients": codes,
        "last_seal": last_seal,
        "sealed_rows": tied.files,
        "not_compared": tied.not_compared,
        "notes": NOTES,
        "files": writer.files,
    }
    return json.dumps(body, indent=2, ensure_ascii=False) + "\n"
