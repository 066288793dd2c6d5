"""`manage.py seal`: seal the new rows of the trail and write the head to the seal file."""

from pathlib import Path
from typing import Any

import qrcode
from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError
from django.utils.html import escape
from qrcode.image.svg import SvgPathImage

from audit import events
from audit.context import acting
from audit.management.operator import OperatorCommand
from audit.models import Seal
from audit.sealing import seals
from audit.sealing.seal_files import SealBroken, file_line
from audit.sealing.seal_times import seal_if_due


class Command(OperatorCommand):
    # Called by time too; its reason stands in the seal.
    asks_why = False
    help = "Seal the new rows of the trail and append the head to SEAL_FILE."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--if-due", action="store_true", help="only if rows have waited long enough; call it each minute"
        )
        parser.add_argument(
            "--qr", type=Path, metavar="FILE.svg", help="write the last head as a QR code to print"
        )
        parser.add_argument(
            "--reason",
            default="command",
            help="why now: daily, release …; a restore is recorded as an event",
        )

    def handle(self, *args: Any, reason: str, if_due: bool, qr: Path | None, **options: Any) -> None:
        if reason == events.AccessKind.BACKUP:
            raise CommandError(
                "A backup is recorded by `manage.py backup` alone, with its size and hash: nobody does it by hand. "
                "After a copy with another program seal with another reason."
            )
        try:
            if if_due:
                self._told(seal_if_due())
                return
            with acting(system="seal"):
                events.record_configuration()
                if reason == events.AccessKind.RESTORE:
                    events.record(kind=reason)
                made = seals.seal(reason=reason)
        except SealBroken as problem:
            raise CommandError(str(problem)) from problem
        except (DatabaseError, OSError) as problem:
            raise CommandError(
                f"The seal was not written: {str(problem).strip()}. If the disk is full, free space and run it again: "
                f"the next seal covers every row that has none, and adds the lines that {settings.SEAL_FILE} lacks."
            ) from problem
        self._told(made)
        if qr is not None:
            last = Seal.objects.order_by("-number").first()
            if last is None:
                raise CommandError("There is no seal yet: nothing was written.")
            qr.write_bytes(printed_head(last))
            self.stdout.write(f"{qr}: print it, and keep it away from this machine")

    def _told(self, made: Seal | None) -> None:
        if made is None:
            self.stdout.write("Nothing new since the last seal.")
        else:
            self.stdout.write(f"Seal {made.number} {made.head} in {settings.SEAL_FILE}")


def printed_head(one: Seal) -> bytes:
    """Return an SVG with the QR code of a head and the head as text."""
    line = file_line(one)
    code = qrcode.QRCode(error_correction=qrcode.ERROR_CORRECT_M, image_factory=SvgPathImage)
    code.add_data(line)
    image = code.make_image().to_string(encoding="unicode")
    text = "".join(
        f'<text x="10" y="{y}" font-family="monospace" font-size="9">{escape(part)}</text>'
        for y, part in zip((14, 28, 42), line.split(" "), strict=True)
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="420" height="420">'
        f'{text}<svg x="10" y="50" width="360" height="360">{image}</svg></svg>\n'
    ).encode()
