"""Questions before a save: what disagrees with another record is asked about, and stored once it is confirmed.

A step computes its questions under the lock and calls `ask`. The page shows them with one box to tick; the box holds
the token of exactly these questions, so a confirmation covers nothing that its reader has not seen.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.urls import reverse


@dataclass(frozen=True, slots=True)
class Question:
    """One contradiction, as the question of a page.

    code: what contradicts what, with the values; equal codes are the same question.
    address: name and arguments of the page on which the other record can be corrected.
    correct: text of the link to it.
    """

    code: str
    text: str
    address: tuple[str, tuple[Any, ...], str] | None = None
    correct: str = ""

    @property
    def url(self) -> str:
        """Return the address of the record that may be wrong; empty if it has no page of its own."""
        if self.address is None:
            return ""
        name, arguments, fragment = self.address
        return f"{reverse(name, args=arguments)}{fragment}"


class Questioned(Exception):
    """Nothing was stored: `questions` have to be confirmed first, with their `token`."""

    def __init__(self, questions: Sequence[Question]) -> None:
        self.questions = tuple(questions)
        self.token = token_of(questions)
        super().__init__(" ".join(question.text for question in questions))


def token_of(questions: Sequence[Question]) -> str:
    """Return a text that stands for these questions in any order; empty without one."""
    codes = "\n".join(sorted({question.code for question in questions}))
    return hashlib.sha256(codes.encode()).hexdigest()[:32] if codes else ""


def ask(questions: Sequence[Question], confirmed: str) -> None:
    """Raise Questioned unless there is no question, or `confirmed` is the token of exactly these."""
    if questions and confirmed != token_of(questions):
        raise Questioned(questions)
