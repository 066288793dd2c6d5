"""Texts as they are compared: numbers of a hospital and names that people write in different ways. No Django."""

import unicodedata


def number_key(text: str) -> str:
    """Return the letters and digits of a number: `HN-00123`, `hn 00123` and full-width letters give the same key."""
    return "".join(sign for sign in unicodedata.normalize("NFKC", text).casefold() if sign.isalnum())


def name_key(text: str) -> str:
    """Return the words of a name without accents, in one order: `Dubois, Jeanne` and `JEANNE DUBOIS` give the same."""
    apart = unicodedata.normalize("NFKD", text).casefold()
    plain = "".join(sign for sign in apart if not unicodedata.combining(sign))
    words = "".join(sign if sign.isalnum() else " " for sign in plain).split()
    return " ".join(sorted(words))
