"""`manage.py blank_crf --trial nct04445454 --out FILE.pdf [--annotated] [--protocol 1.0]`"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from exports.documents import Copy
from exports.management.paper_command import PaperCommand
from exports.models import Document, title_of


class Command(PaperCommand):
    help = "Write the forms of a protocol version as PDF: blank for writing on, or annotated."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--annotated", action="store_true", help="with variables, codes, limits, conditions"
        )
        parser.add_argument("--protocol", help="protocol version; without it the one in force")

    def handle(self, *args: Any, **options: Any) -> None:
        arguments = self.parsed(options)
        version = arguments.trial.protocol
        if options["protocol"]:
            version = arguments.trial.versions.filter(version=options["protocol"]).first()
        if version is None:
            raise CommandError(f"{arguments.trial.slug} has no such protocol version")
        kind = Document.Kind.ANNOTATED_CRF if options["annotated"] else Document.Kind.BLANK_CRF
        title = title_of(kind, version.version)
        self.write(arguments, Copy(kind, arguments.audience, [], arguments.by, title, protocol=version))
