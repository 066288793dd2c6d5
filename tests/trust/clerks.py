"""People who save one form each, again and again, and send a save once more if nobody acknowledged it."""

import http.client
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.bench.client import Visitor, hidden_fields
from tests.bench.stroma_runs import FORM, answers
from tests.trust.saving import ACKNOWLEDGED, FIRST

AGAIN_WITHIN_SECONDS = 60
NOTHING = "Nothing was saved"
# Variable of the server: the file whose presence makes it a liar (tests/trust/warmed.py).
LIES = "TRUST_LIES"
Sent = list[tuple[str, str]]


@dataclass
class Told:
    """What a server said about the saves of one patient: by number, what it acknowledged, and what it said it refused.

    without_reason: answers that are neither an acknowledgement nor 503.
    """

    acknowledged: set[int] = field(default_factory=set)
    refused: int = 0
    without_reason: list[int] = field(default_factory=list)
    nothing_saved: int = 0


class Clerk:
    """One person, one patient. What nobody acknowledged is sent again as it was, and must not be stored twice."""

    def __init__(self, patient: str, cookies: dict[str, str]) -> None:
        self.patient, self.cookies = patient, cookies
        self.address = FORM.replace(FIRST, patient)
        self.told = Told()
        self.number, self.version = 0, 0
        self.hidden: Sent = []
        self.pending: Sent = []
        # True while nobody knows what became of an earlier sending of what is pending: it may be stored already.
        self.unanswered = False
        self.leaving = threading.Event()
        self.first = threading.Event()
        self.thread = threading.Thread()

    def begin(self, port: int, first: threading.Event) -> None:
        """Save at the server of this port until it is killed; `first` is set by the first acknowledgement."""
        self.leaving.clear()
        self.first = first
        self.thread = threading.Thread(
            target=self._work, args=[Visitor(port, dict(self.cookies))], daemon=True
        )
        self.thread.start()

    def save_until(self, port: int, enough: Callable[[], bool]) -> None:
        """Save until there is enough, or a save is refused."""
        visitor = Visitor(port, dict(self.cookies))
        while not enough() and not self.told.without_reason:
            self._save(visitor)
        visitor.connection.close()

    def _work(self, visitor: Visitor) -> None:
        try:
            while not self.leaving.is_set():
                self._save(visitor)
        except (OSError, http.client.HTTPException):
            self.unanswered = bool(self.pending)
            return  # the server was killed while it answered: whether it stored the save is read from the database
        finally:
            visitor.connection.close()

    def _save(self, visitor: Visitor) -> None:
        if not self.hidden:
            self._open(visitor)
        if not self.pending:
            own = [("_version", str(self.version)), ("_key", uuid.uuid4().hex), ("_action", "draft")]
            self.pending = [*self.hidden, *own, *answers(self.number + 1)]
        self.told.nothing_saved = 0
        answer = visitor.post(self.address, self.pending)
        if answer.status == ACKNOWLEDGED:
            self.number, self.version, self.pending = self.number + 1, self.version + 1, []
            self.unanswered = False
            self.told.acknowledged.add(self.number)
            self.first.set()
            return
        if answer.status == http.client.SERVICE_UNAVAILABLE:
            self.told.refused += 1
            denied = NOTHING in answer.text and not self.unanswered
            self.told.nothing_saved = self.number + 1 if denied else 0
            self.unanswered = self.unanswered or NOTHING not in answer.text
        else:
            self.told.without_reason.append(answer.status)
        # Once a kill is under way the next answer is for the next round: what was said here is compared first.
        if not self.leaving.is_set():
            time.sleep(0.05)

    def _open(self, visitor: Visitor) -> None:
        deadline = time.monotonic() + AGAIN_WITHIN_SECONDS
        while (page := visitor.get(self.address)).status != 200:
            if time.monotonic() > deadline:
                raise RuntimeError(f"the form answered {page.status} for a minute")
            time.sleep(0.05)
        found = hidden_fields(page.text)
        self.version = int(dict(found)["_version"])
        self.hidden = [pair for pair in found if pair[0] not in {"_version", "_key"}]

    def end(self) -> None:
        """Wait until the person has noticed the kill. Raises RuntimeError after a minute."""
        self.thread.join(AGAIN_WITHIN_SECONDS)
        if self.thread.is_alive():
            raise RuntimeError(f"the save of {self.patient} got no answer within a minute")
