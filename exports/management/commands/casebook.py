"""`manage.py casebook --trial nct04445454 [--patient LIE-001] --out FILE.pdf`"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from exports.documents import Copy, codes_of
from exports.management.paper_command import PaperCommand
from exports.models import Document, title_of


class Command(PaperCommand):
    help = (
        "Write the casebook of a patient, or of all, as tagged PDF: values, queries, signatures, changes, audit trail. "
        "With a name that ends in .zip: one PDF per patient and a manifest, in constant memory."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--patient", help="subject code; without it all patients of the trial")

    def handle(self, *args: Any, **options: Any) -> None:
        arguments = self.parsed(options)
        codes = codes_of(arguments.trial)
        if options["patient"]:
            if options["patient"] not in codes:
                raise CommandError(f"No patient {options['patient']} in {arguments.trial.slug}")
            codes = [options["patient"]]
        zipped = options["out"].suffix == ".zip"
        kind = Document.Kind.CASEBOOKS if zipped else Document.Kind.CASEBOOK
        title = title_of(kind, options["patient"] or "")
        self.write(arguments, Copy(kind, arguments.audience, codes, arguments.by, title))
