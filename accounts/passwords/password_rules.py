"""Passwords that are guessed first, besides the twenty thousand of Django's list: patterns, common words dressed up.

No rule of composition: any long text that is none of these is accepted (SEC-04, SEC-05). Nothing is asked of a network.
"""

import re
from typing import Any

from django.conf import settings
from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

# Rows of keys and the alphabet; each is also read backwards.
ROWS = (
    "abcdefghijklmnopqrstuvwxyzabc",
    "012345678901",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "azertyuiop",
    "qsdfghjklm",
    "wxcvbn",
    "qwertzuiopü",
    "qazwsxedcrfvtgbyhnujmikolp",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "1q2w3e4r5t6y7u8i9o0p",
)
SHORTEST_RUN = 4
FEWEST_SIGNS = 5
# A text whose runs and repetitions count once has to be as long as this.
FEWEST_SURPRISES = 7
AROUND = re.compile(r"^[\W\d_]+|[\W\d_]+$")
SAME_AGAIN = re.compile(r"(.)\1+")
# How letters are dressed up: P@ssw0rd.
DRESSED = str.maketrans("@4310$5!7", "aaeiossit")


def surprises(password: str) -> int:
    """Return the length of a password in which a run (abcd, 4321, qwer) or a repeated part counts as one sign."""
    text = once(password.casefold())
    count, at = 0, 0
    while at < len(text):
        at += _run(text, at)
        count += 1
    return count


def once(text: str) -> str:
    """Return the part that a text repeats (abcabcab gives abc), or the text itself."""
    for size in range(1, len(text) // 2 + 1):
        if (text[:size] * (len(text) // size + 1)).startswith(text):
            return once(text[:size])
    return text


def _run(text: str, at: int) -> int:
    """Return the length of the run that begins at a position: neighbours of a row, or one sign again and again."""
    same = len(text) - at - len(text[at:].lstrip(text[at]))
    longest = same if same >= SHORTEST_RUN - 1 else 1
    for row in ROWS:
        length = longest
        while at + length < len(text) and (part := text[at : at + length + 1]) in row + " " + row[::-1]:
            length = len(part)
        longest = length if length >= SHORTEST_RUN else longest
    return longest


class GuessedFirst:
    """A validator of `AUTH_PASSWORD_VALIDATORS`."""

    def __init__(self) -> None:
        self._common = CommonPasswordValidator().passwords

    def validate(self, password: str, user: Any = None) -> None:
        """Raise ValidationError for digits alone, few signs, runs, repetitions, a common word, or the demo password."""
        text = password.casefold().strip()
        if text == settings.DEMO_PASSWORD.casefold():
            raise ValidationError(_("This password is printed for the training accounts. Choose another."))
        if not any(sign.isalpha() for sign in text):
            raise ValidationError(_("A password of digits and signs alone is guessed first. Use words."))
        plain = "".join(sign for sign in text if sign.isalnum())
        shapes = (text, plain, SAME_AGAIN.sub(r"\1", plain))
        if len(set(text)) < FEWEST_SIGNS or min(map(surprises, shapes)) < FEWEST_SURPRISES:
            raise ValidationError(
                _("This password repeats itself or follows the keys. A few unrelated words are better.")
            )
        if self._is_dressed_up(once(plain)) or self._is_dressed_up(text):
            raise ValidationError(
                _("This is a common password with signs around it. A few unrelated words are better.")
            )

    def get_help_text(self) -> str:
        """Return the rule in words."""
        return _("No row of keys, no repetition, and no common password with signs around it.")

    def _is_dressed_up(self, text: str) -> bool:
        bare = {AROUND.sub("", text), AROUND.sub("", text.translate(DRESSED))}
        return not self._common.isdisjoint({once(each) for each in bare} | bare)
