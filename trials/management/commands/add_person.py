"""`manage.py add_person`: add the first administrator of a trial, before anyone can use the people page."""

from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.apps import apps
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.db import transaction

from accounts.models import User, normal_username
from accounts.password_keys import address_of_link, make_key, new_link
from audit.context import acting
from audit.management.operator import OperatorCommand
from trials.models import Delegation
from trials.roles import ROLES


class Command(OperatorCommand):
    help = "Add a person with a role in a trial and print a link to choose the password."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--username", required=True)
        parser.add_argument("--full-name", required=True)
        parser.add_argument("--trial", required=True, help="slug of the trial")
        parser.add_argument("--role", required=True, choices=sorted(ROLES))
        parser.add_argument(
            "--identity-verified-on",
            type=date.fromisoformat,
            metavar="YYYY-MM-DD",
            help="the day on which the person showed an identity document; needed to sign",
        )
        parser.add_argument("--until", type=date.fromisoformat, help="last day, YYYY-MM-DD")

    def handle(self, *args: Any, **options: Any) -> None:
        trial = apps.get_model("trials", "Trial").objects.filter(slug=options["trial"]).first()
        if trial is None:
            raise CommandError(f"No trial {options['trial']}: run load_protocol first")
        if User.objects.filter(username=normal_username(options["username"])).exists():
            raise CommandError(f"{options['username']} is or was somebody's user name: choose another")
        if ROLES[options["role"]].time_boxed and not options["until"]:
            raise CommandError("This role is for a limited time: give --until")
        with acting(system="add_person", reason=options["reason"]), transaction.atomic():
            try:
                user = User.objects.create_user(
                    options["username"],
                    None,
                    full_name=options["full_name"],
                    identity_verified_on=options["identity_verified_on"],
                )
            except ValidationError as refusal:
                raise CommandError(" ".join(refusal.messages)) from refusal
            Delegation.objects.create(
                user=user, trial=trial, role=options["role"], starts_on=trial.today, ends_on=options["until"]
            )
            secret = new_link(make_key(user=user, by=None, made_in=trial.slug))
        self.stdout.write(f"{user.username} is {options['role']} of {trial.slug}.")
        self.stdout.write(f"To choose a password, once, within a day: {address_of_link(secret)}")
