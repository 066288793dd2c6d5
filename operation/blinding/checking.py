"""The check of the blind: everything is read as each blinded role, with the arms as they are and exchanged.

Addresses come from the addresses of the application, with every object of the trial, and from the links of the pages: a
new page is read unasked. Exports, documents, the calendar file and the mails with notices are read too. Besides the
bytes, the statements sent to the database have to be the same, in the same order. It all runs in a copy.
"""

import hashlib
import math
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from unittest import mock

from django.conf import settings
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import override_settings
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from audit.context import acting
from demo.rehearsal.pages import addresses_of
from exports import recorder
from exports.tables.past import trail_clock
from operation.blinding.readings import differences, read_after, shown, walk
from operation.blinding.swapping import as_it_is, swap_arms
from patients.models import Patient
from reports.notices.mail import send_notices
from reports.packs.registry import PACKS
from trials.models import Delegation, Trial
from trials.roles import KNOWING, ROLES

BLINDED = tuple(code for code in ROLES if code not in KNOWING)
DOCUMENTS = ("casebook", "visit_report")
HOST = "blind-check.invalid"
# A seal writes the number of the last sealed row into its statement; PostgreSQL counts on when rows are taken back.
SEALED_SO_FAR = re.compile(r'(s\."(?:history_)?id" [=>]) \d+')


@dataclass
class BlindResult:
    """The comparison for one role: pages and bytes compared, and the first difference of each page that differs."""

    role: str
    pages: int = 0
    bytes: int = 0
    differing: dict[str, tuple[str, str]] = field(default_factory=dict)
    unstable: tuple[str, ...] = ()


def check_trial(trial: Trial, *, patients: int, roles: tuple[str, ...] = BLINDED) -> Iterator[BlindResult]:
    """Compare what each blinded role is shown in both arms. Only in a copy of the database: it writes.

    patients: so many of each arm, and of those not allocated, have all their pages read; links lead to all others too.
    """
    with _stopped_clock(), override_settings(**_OPEN):
        codes = _some_of_each_arm(trial, patients)
        addresses = sorted(addresses_of(trial, codes=codes))
        people = {role: _reader(trial, role) for role in roles}
        # One moment for both readings: a report says of which moment its data are.
        moment = trail_clock()
        for role, person in people.items():
            yield _compared(trial, role, person, addresses, moment)


# No page may lead elsewhere: the readers are made for the check, and have neither factors nor training.
_OPEN: dict[str, Any] = {
    "SECOND_FACTOR_ROLES": [],
    "TRAINING_REQUIRED": False,
    "DELEGATIONS_NEED_APPROVAL": False,
    "ALLOWED_HOSTS": [HOST, "testserver"],
    "EMAIL_BACKEND": "django.core.mail.backends.locmem.EmailBackend",
    "SENDS_MAIL": True,
    "SECURE_SSL_REDIRECT": False,
    "TASKS": {"default": {"BACKEND": "django_tasks.backends.immediate.ImmediateBackend"}},
}


@contextmanager
def _stopped_clock() -> Iterator[None]:
    """Let the clock stand still: pages tell when they were loaded, and rows when they were written.

    No progress is stored: it is once a second, so that a busy machine sends more statements.
    """
    now, seconds = timezone.now(), time.time()
    with (
        mock.patch.object(timezone, "now", return_value=now),
        mock.patch("time.time", return_value=seconds),
        mock.patch.object(recorder, "BETWEEN_SECONDS", math.inf),
    ):
        yield


def _compared(trial: Trial, role: str, person: User, addresses: list[str], moment: datetime) -> BlindResult:
    read = lambda: everything(trial, person, addresses, moment)  # noqa: E731
    before = read_after(trial, as_it_is, read)
    # What differs without any change (a random value that nobody knows of) can prove nothing: it is named.
    unstable = set(differences(before, read_after(trial, as_it_is, read)))
    after = read_after(trial, swap_arms, read)
    found = {url: lines for url, lines in differences(before, after).items() if url not in unstable}
    return BlindResult(role, len(before), sum(map(len, before.values())), found, tuple(sorted(unstable)))


def everything(trial: Trial, person: User, addresses: list[str], moment: datetime) -> dict[str, bytes]:
    """Return by address all that a person is shown, and what was asked of the database for it.

    moment: of the data of the reports.
    """
    client, home = Client(), reverse("reports:home", args=[trial.slug])
    with acting(system="blind_check"):
        client.force_login(person, backend="accounts.backends.PersonBackend")
    # Before the walk: a casebook prints who took a file of the patient, with a session that is drawn anew each time.
    files = _files(client, home) | _packs(client, home, moment)
    with _statements() as asked:
        found = walk(client, home, within=home, also=addresses, show=asked.around(shown))
    found |= asked.found(list(found))
    found["POST exports"] = shown(client.post(f"{home}exports/", {"purpose": "Check"}))
    return found | files | _mails(person)


class _Asked:
    """The statements sent to the database since the last answer, for each answer in turn."""

    def __init__(self) -> None:
        self.now: list[str] = []
        self.of_answers: list[bytes] = []

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        # Savepoints are numbered through.
        if "SAVEPOINT" not in sql:
            self.now.append(SEALED_SO_FAR.sub(r"\1", sql))
        return execute(sql, params, many, context)

    def around(self, show: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
        """Return a reading that also ends the statements of the answer."""

        def shown_and_counted(response: Any) -> bytes:
            content = show(response)
            lines = "\n".join(self.now)
            digest = hashlib.sha256(lines.encode()).hexdigest()
            self.of_answers.append(f"{len(self.now)} statements, {digest}".encode())
            self.now = []
            return content

        return shown_and_counted

    def found(self, urls: list[str]) -> dict[str, bytes]:
        """Return the statements by address; `urls` in the order in which they were read."""
        return {f"statements of {url}": content for url, content in zip(urls, self.of_answers, strict=True)}


@contextmanager
def _statements() -> Iterator[_Asked]:
    asked = _Asked()
    with connection.execute_wrapper(asked):
        yield asked


def _files(client: Client, home: str) -> dict[str, bytes]:
    """Return the documents and the calendar file that the person may make, or the refusals."""
    found = {}
    for kind in DOCUMENTS:
        answer = client.post(f"{home}documents/", {"kind": kind, "since": "01-Jan-2020", "until": "t"})
        # Where it leads to holds a random key.
        found[f"document {kind}"] = str(answer.status_code).encode()
        if answer.status_code == 302:
            found[f"file {kind}"] = shown(client.get(f"{answer['Location']}file/"))
    page = client.post(f"{home}calendar/", {"step": "new", "codes": "on"}).content.decode()
    if address := re.search(r"/calendar/[^/\s\"]+/trial\.ics", page):
        found["calendar file"] = shown(client.get(address[0]))
    return found


def _packs(client: Client, home: str, moment: datetime) -> dict[str, bytes]:
    """Return the report packs that the person may have, with the statements behind them, or the refusals."""
    found = {}
    for code in PACKS:
        with _statements() as asked:
            answer = client.post(f"{home}reports/", {"pack": code, "as_of": moment.isoformat()})
            found[f"pack {code}"] = str(answer.status_code).encode()
            if answer.status_code == 302:
                show = asked.around(shown)
                found[f"file of pack {code}"] = show(client.get(f"{answer['Location']}file/"))
                found |= asked.found([f"pack {code}"])
    return found


def _mails(person: User) -> dict[str, bytes]:
    """Return the mails with notices of a person who wants each at once."""
    mail.outbox = []
    with acting(system="blind_check"):
        send_notices(mode=User.NoticeMail.SINGLE)
    mine = [each for each in mail.outbox if person.email in each.to]
    return {"mails": "\n\n".join(f"{each.subject}\n{each.body}" for each in mine).encode()}


def _reader(trial: Trial, role: str) -> User:
    """Return a new person in a role, who wants every notice by mail."""
    with acting(system="blind_check"):
        person = User.objects.create_user(
            f"blind-check-{role}",
            None,
            full_name=f"Blind check {role}",
            email=f"{role}@{HOST}",
            notice_mail=User.NoticeMail.SINGLE,
        )
        Delegation.objects.create(user=person, trial=trial, role=role, starts_on=trial.today)
    return person


def _some_of_each_arm(trial: Trial, most: int) -> list[str]:
    """Return the codes of the first patients of each arm, and of those without an allocation."""
    found: dict[str, list[str]] = {}
    rows = Patient.objects.filter(trial=trial).order_by("number").values_list("code", "allocation__arm")
    for code, arm in rows:
        mine = found.setdefault(arm or "", [])
        if len(mine) < most:
            mine.append(code)
    return [code for codes in found.values() for code in codes]


def refuse_in_production() -> str:
    """Return why the check cannot run here, or "": it never runs where patients are treated."""
    return (
        "The blind is checked on a training or test installation, never in production."
        if settings.PRODUCTION
        else ""
    )
