"""A number as it is typed or stands in a file: its canonical text, and the refusal of `1,500`. No Django."""

import re
from decimal import Decimal

from protocol.values.refusals import ValueRefused, gettext_noop
from protocol.values.writing import decimal_sign

MOST_DIGITS = 18
NUMBER = re.compile(r"([+-]?)(\d*)(?:[.,](\d+))?", re.ASCII)
GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}([.,])\d{3}", re.ASCII)
"""Digits of which the last three may be decimals, or hundreds behind a sign that groups thousands."""


def canonical(text: str) -> str | None:
    """Return `36,50` as `36.50`: comma or point, no thousands separator, trailing zeros kept. None if blank."""
    text = text.strip().replace("−", "-")
    if not text:
        return None
    matched = NUMBER.fullmatch(text)
    if not matched or not (matched[2] or matched[3]):
        sentence = gettext_noop("“%(text)s” is not a number: type it like %(example)s.")
        raise ValueRefused(sentence, text=text, example=Decimal("1234.5"))
    whole, fraction = matched[2].lstrip("0") or "0", matched[3] or ""
    if len(whole) + len(fraction) > MOST_DIGITS:
        raise ValueRefused(gettext_noop("This number has more than %(digits)s digits."), digits=MOST_DIGITS)
    number = f"{whole}.{fraction}" if fraction else whole
    # -0 is stored as 0.
    return f"-{number}" if matched[1] == "-" and number.strip("0.") else number


def is_ambiguous(text: str, language: str) -> bool:
    """Return True for a number like `1,500` on a page whose language has a point as decimal sign, and the reverse.

    There the other sign may group thousands.
    """
    grouped = GROUPED.fullmatch(text.strip())
    return grouped is not None and grouped[1] != decimal_sign(language)


def refuse_ambiguous(text: str, language: str) -> None:
    """Raise ValueRefused if a typed number is ambiguous in a language."""
    if is_ambiguous(text, language):
        number = canonical(text) or ""
        raise ValueRefused(
            gettext_noop(
                "“%(text)s” can be read as %(decimals)s or as %(whole)s: type the one that you mean."
            ),
            text=text.strip(),
            decimals=Decimal(number),
            whole=Decimal(number.replace(".", "")),
        )


def refuse_grouped(text: str, *, comma_columns: bool) -> None:
    """Raise ValueRefused if a number of a file is ambiguous: it does not say which decimal sign it uses.

    comma_columns: the comma separates the columns of the file, so that a point in it is a decimal sign.
    """
    grouped = GROUPED.fullmatch(text.strip())
    if grouped is None or (grouped[1] == "." and comma_columns):
        return
    number = canonical(text) or ""
    raise ValueRefused(
        gettext_noop(
            "“%(text)s” can be read as %(decimals)s or as %(whole)s: write %(whole)s, "
            "or %(longer)s with one more digit."
        ),
        text=text.strip(),
        decimals=Decimal(number),
        whole=Decimal(number.replace(".", "")),
        longer=Decimal(f"{number}0"),
    )
