"""Environment variables, read in one place by typed functions that refuse an invalid value."""

import ipaddress
import os


class Misconfigured(Exception):
    """An environment variable with an invalid value; the message says what to write."""


def text(name: str, default: str = "") -> str:
    """Return the variable, or `default` if it is unset."""
    return os.environ.get(name, default)


def flag(name: str, default: bool = False) -> bool:
    """Return True for `True`, False for `False`. Raises Misconfigured for any other value."""
    value = os.environ.get(name)
    if value is None or value == "":
        return default
    if value not in {"True", "False"}:
        raise Misconfigured(f"Unexpected value {name}={value}: use True or False")
    return value == "True"


def number(name: str, default: int) -> int:
    """Return the variable as a whole number. Raises Misconfigured for any other value."""
    value = os.environ.get(name)
    if value is None or value == "":
        return default
    if not value.isascii() or not value.isdigit():
        raise Misconfigured(f"Unexpected value {name}={value}: use a whole number such as {default}")
    return int(value)


def names(name: str, default: str = "") -> list[str]:
    """Return a comma-separated variable as a list, without blank entries."""
    return [part.strip() for part in os.environ.get(name, default).split(",") if part.strip()]


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
