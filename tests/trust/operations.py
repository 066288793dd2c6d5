"""The operations that meet a full disk (tests/trust/disk_full.py): what each does, and how its end is compared.

Each prepares with room, runs in a process whose writes fail, and then compares what it was told with what is there.
"""

import hashlib
import io
from collections import Counter
from pathlib import Path
from typing import Any

from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.models import User
from audit import events
from audit.context import acting
from audit.models import Seal
from audit.sealing import seal_files
from operation.backups import backup_folders
from patients.models import Attachment, Patient, Record
from patients.models.attachments import attachment_storage
from tests.support import build
from tests.support.pages import attachments
from tests.support.pages.entry_pages import address, opened
from tests.support.study.file_samples import pdf
from tests.trust.full_disk import Said

STORED, UNAVAILABLE = 302, 503
NOTHING = "Nothing was saved"
CLIENT_LASTS = 40


class Operation:
    """One thing that people or the machine do. `faults` are counted by the names of the figures."""

    name = ""

    def __init__(self) -> None:
        self.number, self.faults, self.ends = 0, Counter[str](), Counter[str]()

    def prepare(self) -> None:
        """Do with room what comes before: open the page, remember what is stored."""

    def run(self) -> Said:
        """Do it, and return how it ended."""
        raise NotImplementedError

    def compare(self, said: Said) -> None:
        """Count what is not as it was told."""
        raise NotImplementedError

    def page(self, answer: Any, typed: str) -> Said:
        """Return what a page says: its status, that nothing was saved, and whether it holds what was typed."""
        text = answer.content.decode()
        return {"status": answer.status_code, "nothing": NOTHING in text, "kept": typed in text}

    def count(self, said: Said) -> str:
        """Count an answer that is neither an acknowledgement nor 503; return which it was."""
        status = said.get("status")
        ended = {STORED: "acknowledged", UNAVAILABLE: "refused"}.get(status, "broken")
        self.ends[ended] += 1
        if ended == "broken":
            self.faults["pages_500"] += 1
            print(self.name, self.number, said)
        self.faults["typed_lost"] += ended == "refused" and not said["kept"]
        return ended


class OfAForm(Operation):
    """A person with a browser, whose session is renewed before it ends."""

    def __init__(self, nurse: User, patient: Patient) -> None:
        super().__init__()
        self.nurse, self.patient = nurse, patient
        self.desk = Client()

    def browser(self) -> Client:
        """Return the browser of the nurse; an error of the program is a page, as a server answers it."""
        self.number += 1
        if self.number % CLIENT_LASTS == 1:
            self.desk = build.client(self.nurse)
            self.desk.raise_request_exception = False
        return self.desk


class Save(OfAForm):
    """A draft of the vital signs, each time with another blood pressure."""

    name = "save"

    def prepare(self) -> None:
        control = opened(self.browser(), self.patient)
        self.sbp = str(100 + self.number % 80)
        self.typed = {**control, "sbp": self.sbp, "dbp": "76", "_action": "draft"}
        self.rows = Record.history.count()

    def run(self) -> Said:
        return self.page(self.desk.post(address(self.patient), self.typed), f'value="{self.sbp}"')

    def compare(self, said: Said) -> None:
        record = Record.objects.filter(patient=self.patient, form="vitals").first()
        newest = (
            Record.history.order_by("-history_id").first() if Record.history.count() > self.rows else None
        )
        stored = record is not None and record.values.get("sbp") == self.sbp
        in_history = newest is not None and newest.values.get("sbp") == self.sbp
        ended = self.count(said)
        self.faults["lost"] += ended == "acknowledged" and not stored
        self.faults["without_history"] += stored != in_history
        self.faults["stored_and_denied"] += ended == "refused" and said["nothing"] and stored


class Upload(OfAForm):
    """A report of 3 MB: it is first received into a file, then stored as one."""

    name = "upload"
    size = 3_000_000

    def prepare(self) -> None:
        browser = self.browser()
        self.file = f"scan-{self.number}.pdf"
        self.data = pdf(self.file.ljust(self.size))
        self.control = attachments.opened(browser, self.patient)

    def run(self) -> Said:
        upload = {"ct_report-upload": attachments.upload(self.data, self.file)}
        sent = {**self.control, **attachments.SCAN, "_action": "draft", **upload}
        return self.page(self.desk.post(attachments.address(self.patient), sent), self.file)

    def compare(self, said: Said) -> None:
        row = Attachment.objects.filter(name=self.file).first()
        record = Record.objects.filter(patient=self.patient, form="chest_imaging").first()
        # A file that was received but that no form names is forgotten by `manage.py due`.
        named = (
            row is not None
            and record is not None
            and row.key == (record.values["ct_report"] or {}).get("file")
        )
        whole = row is not None and self._is_whole(row)
        # A disk that is full before the request was read leaves no fields: the page says to go back to the form.
        ended = self.count({**said, "kept": said.get("kept") or said.get("nothing")})
        self.faults["lost"] += ended == "acknowledged" and not (named and whole)
        self.faults["half_stored"] += named and not whole
        self.faults["stored_and_denied"] += ended == "refused" and said["nothing"] and named

    def _is_whole(self, row: Attachment) -> bool:
        storage = attachment_storage()
        if not storage.exists(row.key):
            return False
        with storage.open(row.key) as stored:
            return hashlib.sha256(stored.read()).hexdigest() == row.sha256


class SignIn(Operation):
    """A person signs in with a correct password."""

    name = "sign_in"

    def __init__(self, nurse: User) -> None:
        super().__init__()
        self.told = {"login": nurse.username, "password": build.PASSWORD}

    def prepare(self) -> None:
        self.number += 1
        # The lock on the count of attempts stays for ten seconds if it cannot be taken away.
        cache.clear()

    def run(self) -> Said:
        browser = Client(raise_request_exception=False)
        answer = browser.post("/accounts/login/", self.told)
        session = browser.cookies["sessionid"].value if "sessionid" in browser.cookies else ""
        locked = "Too many" in answer.content.decode() if answer.status_code != STORED else False
        return {**self.page(answer, self.told["login"]), "session": session, "locked": locked}

    def compare(self, said: Said) -> None:
        ended = self.count(said)
        there = Session.objects.filter(session_key=said.get("session", "")).exists()
        self.faults["lost"] += ended == "acknowledged" and not there
        self.faults["locked_out"] += bool(said.get("locked"))


class Command(Operation):
    """A command of the machine: it ends well, or with a sentence."""

    def called(self, *arguments: str) -> Said:
        """Run a command and return how it ended."""
        try:
            call_command(*arguments, stdout=io.StringIO(), stderr=io.StringIO())
        except CommandError as refused:
            return {"ended": "refused", "sentence": str(refused)}
        return {"ended": "acknowledged"}

    def ended(self, said: Said) -> str:
        """Count how it ended."""
        ended = str(said["ended"])
        self.ends[ended if ended in ("acknowledged", "refused") else "broken"] += 1
        if ended not in ("acknowledged", "refused"):
            self.faults["without_a_sentence"] += 1
            print(self.name, self.number, said.get("traceback", ended))
        return ended


class SealTheTrail(Command):
    """A seal over a new row of the trail."""

    name = "seal"

    def prepare(self) -> None:
        self.number += 1
        with acting(system="test"):
            events.record(kind=events.AccessKind.BACKUP)
        self.seals = Seal.objects.count()

    def run(self) -> Said:
        return self.called("seal")

    def compare(self, said: Said) -> None:
        ended, last = self.ended(said), Seal.objects.order_by("-number").first()
        acknowledged = ended == "acknowledged" and self.seals < Seal.objects.count()
        written = last is not None and last.number in seal_files.read_file()
        self.faults["lost"] += ended == "acknowledged" and not (acknowledged and written)


class BackUp(Command):
    """A backup into a folder that holds an earlier one."""

    name = "backup"

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def prepare(self) -> None:
        self.number += 1
        if self.number == 1:
            assert self.called("backup", "--to", str(self.folder))["ended"] == "acknowledged"
        self.before = {path: self._sums(path) for path in backup_folders.complete(self.folder)}

    def run(self) -> Said:
        return self.called("backup", "--to", str(self.folder))

    def compare(self, said: Said) -> None:
        ended = self.ended(said)
        now = {path: self._sums(path) for path in backup_folders.complete(self.folder)}
        self.faults["earlier_backups_harmed"] += any(
            now.get(path) != sums for path, sums in self.before.items()
        )
        self.faults["half_stored"] += not all(now.values())
        self.faults["lost"] += ended == "acknowledged" and len(now) <= len(self.before)
        self.faults["rests_left"] += len(list(self.folder.rglob("*.part")))

    def _sums(self, backup: Path) -> str:
        """Return the file of the checksums; an empty text if a file of the backup has another one."""
        listed = (backup / backup_folders.SUMS).read_text()
        pairs = [line.split("  ") for line in listed.splitlines()]
        whole = all(hashlib.sha256((backup / name).read_bytes()).hexdigest() == sum_ for sum_, name in pairs)
        return listed if whole and pairs else ""
