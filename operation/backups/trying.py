"""Use a restored system as people would: sign in over the pages, open casebooks. On a scratch database only."""

import random
import secrets
from dataclasses import dataclass, field

from django.conf import settings
from django.test import Client
from django.urls import reverse

from accounts.models import User
from audit import triggers
from audit.context import acting
from audit.models import Seal
from audit.sealing import seal_files, seals
from patients.models import Patient
from trials.models import Delegation, Trial


@dataclass
class Tried:
    """The steps that worked, and those that did not."""

    said: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def use(casebooks: int) -> Tried:
    """Check triggers and the chain of seals, sign in, and open casebooks of patients drawn by lot."""
    tried = Tried()
    _check_trail(tried)
    trials = list(Trial.objects.order_by("pk"))
    if not trials:
        tried.said.append("no trial is loaded: nobody could sign in to one")
        return tried
    password = secrets.token_urlsafe(24)
    with acting(system="drill", reason="restore drill"):
        person = User.objects.create_user(
            f"drill-{secrets.token_hex(4)}", password, full_name="Restore drill"
        )
        for trial in trials:
            Delegation.objects.create(user=person, trial=trial, role="coordinator", starts_on=trial.today)
    client = Client(HTTP_HOST=settings.ALLOWED_HOSTS[0].lstrip(".").replace("*", "localhost"))
    answer = client.post(
        reverse("account_login"), {"login": person.username, "password": password}, secure=True
    )
    if "_auth_user_id" not in client.session:
        tried.problems.append(f"nobody could sign in: the page answered {answer.status_code}")
        return tried
    tried.said.append("signed in")
    _open_casebooks(client, casebooks, tried)
    return tried


def _check_trail(tried: Tried) -> None:
    for name in list(triggers.defects()):
        tried.problems.append(f"trigger {name} is missing, changed or switched off")
    last = Seal.objects.order_by("-number").first()
    lines = seal_files.read_file()
    if last is None:
        tried.said.append("there is no seal yet")
    elif seals.seal_head(last) != last.head or lines.get(
        last.number, seal_files.file_line(last)
    ) != seal_files.file_line(last):
        tried.problems.append(f"seal {last.number} is not the one in the file of the seals")
    else:
        tried.said.append(f"chain head {last.number} {last.head[:16]}… agrees with the file of the seals")


def _open_casebooks(client: Client, casebooks: int, tried: Tried) -> None:
    keys = list(Patient.objects.order_by("pk").values_list("pk", flat=True))
    chosen = random.SystemRandom().sample(keys, min(casebooks, len(keys)))
    opened = 0
    for patient in Patient.objects.filter(pk__in=chosen).select_related("trial").order_by("pk"):
        answer = client.get(reverse("reports:casebook", args=[patient.trial.slug, patient.code]), secure=True)
        if answer.status_code == 200 and patient.code in answer.content.decode():
            opened += 1
        else:
            tried.problems.append(f"the casebook of {patient.code} answered {answer.status_code}")
    tried.said.append(f"opened {opened} of {len(chosen)} casebooks")
