"""The environment, read in one place through typed helpers that fail loudly."""

import os


class Misconfigured(Exception):
    """A setting of the environment that cannot be understood; the message says what to write."""


def text(name: str, default: str = "") -> str:
    """Return the variable, or `default` when it is unset."""
    return os.environ.get(name, default)


def flag(name: str, default: bool = False) -> bool:
    """Return True for `True`, False for `False`; anything else is refused."""
    value = os.environ.get(name)
    if value is None or value == "":
        return default
    if value not in {"True", "False"}:
        raise Misconfigured(f"Unexpected value {name}={value}: use True or False")
    return value == "True"


def number(name: str, default: int) -> int:
    """Return the variable as a whole number."""
    value = os.environ.get(name)
    if value is None or value == "":
        return default
    if not value.isascii() or not value.isdigit():
        raise Misconfigured(f"Unexpected value {name}={value}: use a whole number such as {default}")
    return int(value)


def names(name: str, default: str = "") -> list[str]:
    """Return a comma-separated variable as a list without blanks."""
    return [part.strip() for part in os.environ.get(name, default).split(",") if part.strip()]
