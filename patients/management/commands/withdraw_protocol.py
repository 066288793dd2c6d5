"""`manage.py withdraw_protocol TRIAL VERSION --reason TEXT`: withdraw a version that no patient is on."""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

from audit.context import acting
from audit.management.operator import OperatorCommand
from patients.participation.protocol_amendments.version_withdrawal import withdraw_version
from trials.models import ProtocolVersion


class Command(OperatorCommand):
    help = "Withdraw the newest version of a protocol, if no patient is or was on it. Its text stays stored."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("trial", help="slug of the trial")
        parser.add_argument("version")
        parser.add_argument("--reason", required=True, help="why it is withdrawn, kept in the trail")

    def handle(self, *args: Any, trial: str, version: str, reason: str, **options: Any) -> None:
        row = ProtocolVersion.objects.filter(trial__slug=trial, version=version).first()
        if row is None:
            raise CommandError(f"{trial} has no version {version}, or it is withdrawn already")
        try:
            with acting(system="withdraw_protocol"):
                left = withdraw_version(version=row, reason=reason)
        except ValidationError as refused:
            raise CommandError(" ".join(refused.messages)) from refused
        now = left.protocol.version if left.protocol else "none"
        self.stdout.write(f"{trial} version {version} is withdrawn. In force: {now}.")
