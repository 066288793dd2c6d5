"""Mails that the application sent, and the links in them."""

import re

from django.core import mail


def links() -> list[str]:
    """Return the paths of the links to choose a password, oldest first."""
    return [
        path
        for each in mail.outbox
        for path in re.findall(r"http://testserver(/accounts/key/\S+)", each.body)
    ]


def recipients() -> list[list[str]]:
    """Return to whom mails went, oldest first."""
    return [each.to for each in mail.outbox]
