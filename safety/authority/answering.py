"""Record the acknowledgement of the authority: read the file, find its report, list what it says is wrong (ICS-03)."""

import hashlib
import re
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from audit.context import because
from audit.stored_text import system_text
from patients.participation.lifecycle import lock_patient
from safety.authority.stored import AuthorityAnswer, AuthorityReport
from safety.icsr.answers import BatchAcknowledgement, MessageAcknowledgement, NotReadable
from safety.icsr.elements import ELEMENTS
from safety.models import AdverseEvent

MOST_BYTES = 1_000_000
ELEMENT = re.compile(r"\b[A-HN]\.[a-z0-9]+(?:\.[a-z0-9]+)*(?:\.EU\.\d)?\b")


@dataclass(frozen=True)
class AnsweredElement:
    """One error of an answer. element: its id in E2B(R3), empty if the answer names none."""

    element: str
    name: str
    words: str


@transaction.atomic
def record_answer(*, event: AdverseEvent, file: bytes, by: User) -> AuthorityAnswer:
    """Store the answer to one of the reports of an event. Raises ValidationError for a file of anything else.

    The same file again returns the answer that is stored.
    """
    patient = lock_patient(event.patient)
    answer = _read(file)
    report, message = _matched(event, answer)
    digest = hashlib.sha256(file).hexdigest()
    if (known := report.answers.filter(sha256=digest).first()) is not None:
        return known
    words = [message.words if message is not None and not message.accepted else "", answer.words]
    is_accepted = answer.accepted if message is None else message.accepted
    with because(system_text("case.answered")):
        return AuthorityAnswer.objects.create(
            report=report,
            patient=patient,
            number=answer.number[:100],
            is_accepted=is_accepted,
            code=message.code if message is not None else answer.code,
            words="" if is_accepted else "\n".join(filter(None, words)),
            file=_text(file),
            sha256=digest,
            recorded_by=by,
        )


def _read(file: bytes) -> BatchAcknowledgement:
    # Imported here: only a web worker that reads or writes a message holds the library for XML.
    from safety.icsr.acknowledgement import acknowledgement_of

    if len(file) > MOST_BYTES:
        raise ValidationError({"file": _("The file is larger than an acknowledgement: at most 1 MB.")})
    try:
        answer = acknowledgement_of(file)
        _text(file)
    except (NotReadable, UnicodeDecodeError):
        words = _("This is no acknowledgement of E2B(R3). Choose the file that the authority sent.")
        raise ValidationError({"file": words}) from None
    return answer


def _text(file: bytes) -> str:
    return file.decode("utf-8-sig").replace("\x00", "")


def _matched(
    event: AdverseEvent, answer: BatchAcknowledgement
) -> tuple[AuthorityReport, MessageAcknowledgement | None]:
    """Return the report that was answered, by the number of its batch, and the answer to its message.

    A batch that was rejected whole has no answers to messages.
    """
    report = event.authority_reports.filter(batch=answer.batch_number).first()
    mine = [each for each in answer.messages if report and each.case_number == report.case_number]
    if report is None or (answer.messages and not mine):
        named = answer.batch_number or "–"
        words = _("The answer is to the report %(batch)s, which is none of this event.") % {"batch": named}
        raise ValidationError({"file": words})
    return report, mine[0] if mine else None


def errors_of(answer: AuthorityAnswer) -> list[AnsweredElement]:
    """Return the errors of an answer, each line or sentence that names an element on its own."""
    lines = [line.strip() for line in re.split(r"[\n;]+", answer.words) if line.strip()]
    return [each for line in lines for each in _of_line(line)]


def _of_line(line: str) -> list[AnsweredElement]:
    named = list(dict.fromkeys(ELEMENT.findall(line)))
    if not named:
        return [AnsweredElement("", "", line)]
    return [AnsweredElement(each, _(ELEMENTS[each].name) if each in ELEMENTS else "", line) for each in named]
