"""`manage.py password_link`: a link for a person whom no administrator can help, printed on the server."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.db import transaction

from accounts.models import User, normal_username
from accounts.password_keys import address_of_link, make_key, new_link
from audit.context import acting
from audit.management.operator import OperatorCommand
from trials.delegations.factor_recovery import remove_factors


class Command(OperatorCommand):
    help = "Print a link with which a person chooses a new password, once, within a day."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--username", required=True)
        parser.add_argument("--reason", required=True, help="kept in the trail")
        parser.add_argument("--remove-factors", action="store_true", help="also remove all second factors")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=normal_username(options["username"]), is_active=True).first()
        if user is None:
            raise CommandError(f"Nobody who may sign in has the user name {options['username']}")
        with acting(system="password_link", reason=options["reason"]), transaction.atomic():
            if options["remove_factors"]:
                remove_factors(user=user, asked_by=None, second="", reason=options["reason"])
            secret = new_link(make_key(user=user, by=None, reason=options["reason"]))
        self.stdout.write(f"To choose a password, once, within a day: {address_of_link(secret)}")
