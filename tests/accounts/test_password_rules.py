"""Passwords that are guessed first are refused; any other long text is accepted (SEC-04, SEC-05)."""

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from tests.support import build
from tests.support.pages.signing_in import OWN_PASSWORD


def guesses_refused(password):
    """Return the sentences with which a password is refused."""
    try:
        validate_password(password)
    except ValidationError as refused:
        return refused.messages
    return []


PATTERN, DRESSED, NO_LETTERS = "follows the keys", "signs around it", "digits and signs alone"


@pytest.mark.parametrize(
    ("password", "sentence"),
    [
        ("123456789012", NO_LETTERS),
        ("987654321098", NO_LETTERS),
        ("11-12-1967/11-12", NO_LETTERS),
        ("aaaaaaaaaaaa", PATTERN),
        ("abcdefghijkl", PATTERN),
        ("ZYXWVUTSRQPO", PATTERN),
        ("abcabcabcabca", PATTERN),
        ("aabbccddeeff", PATTERN),
        ("qwertyuiopasdf", PATTERN),
        ("azertyuiop123", PATTERN),
        ("1q2w3e4r5t6y", PATTERN),
        ("qazwsxedcrfv", PATTERN),
        ("ab 12 ab 12 ab 12", PATTERN),
        ("Password12345!", DRESSED),
        ("P@ssw0rd2026!!", DRESSED),
        ("2026-Sunshine-11", DRESSED),
        ("summer2026summer2026", DRESSED),
        ("letmein letmein", DRESSED),
        ("Stroma Training 2026", "printed for the training accounts"),
    ],
)
def test_what_is_guessed_first_is_refused(password, sentence):
    assert sentence in " ".join(guesses_refused(password))


@pytest.mark.parametrize(
    "password",
    [
        build.PASSWORD, OWN_PASSWORD, "quiet river under stone", "correct horse battery staple", "élan d'été à la mer",
        "my dog ate the 1234 cakes", "hopital de liege 4000", "Zäune-und-Äpfel", "xK7_pQ2-mR9w",
        "三月の雨が降る朝に歩いて行く人",
    ],
)  # fmt: skip
def test_any_other_long_text_is_accepted(password):
    assert guesses_refused(password) == []
