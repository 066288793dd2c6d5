"""Environment variables, read in one place by typed functions that refuse an invalid value."""

import ipaddress
import os


class Misconfigured(Exception):
    """An environment variable with an invalid value; the message says what to write."""


_asked: set[str] = set()


def given() -> dict[str, str]:
    """Return the variables that were read and are set, with their values."""
    return {name: os.environ[name] for name in sorted(_asked) if name in os.environ}


def text(name: str, default: str = "") -> str:
    """Return the variable, or `default` if it is unset."""
    value = _value(name)
    return default if value is None else value


def flag(name: str, default: bool = False) -> bool:
    """Return True for `True`, False for `False`. Raises Misconfigured for any other value."""
    value = _value(name)
    if value is None or value == "":
        return default
    if value not in {"True", "False"}:
        raise Misconfigured(f"Unexpected value {name}={value}: use True or False")
    return value == "True"


def number(name: str, default: int) -> int:
    """Return the variable as a whole number. Raises Misconfigured for any other value."""
    value = _value(name)
    if value is None or value == "":
        return default
    if not value.isascii() or not value.isdigit():
        raise Misconfigured(f"Unexpected value {name}={value}: use a whole number such as {default}")
    return int(value)


def names(name: str, default: str = "") -> list[str]:
    """Return a comma-separated variable as a list, without blank entries."""
    return [part.strip() for part in text(name, default).split(",") if part.strip()]


def networks(name: str, default: str = "") -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """Return a comma-separated list of addresses and networks; `none` is an empty one. Raises Misconfigured."""
    found = []
    for part in names(name, default):
        if part == "none":
            continue
        try:
            found.append(ipaddress.ip_network(part))
        except ValueError as mistake:
            raise Misconfigured(
                f"Unexpected value {name}={part}: use addresses or networks such as 127.0.0.1,10.0.0.0/24, or none"
            ) from mistake
    return found


def _value(name: str) -> str | None:
    _asked.add(name)
    return os.environ.get(name)
