"""Preferences of a user: display, and notices by mail. They are not study data and leave no history row."""

from django.db import transaction

from accounts.models import User


@transaction.atomic
def choose_theme(*, user: User, theme: str) -> None:
    """Store `auto`, `light` or `dark`."""
    user.theme = theme
    user.save(update_fields=["theme"])


@transaction.atomic
def choose_language(*, user: User, language: str) -> None:
    """Store the code of an installed language."""
    user.language = language
    user.save(update_fields=["language"])


@transaction.atomic
def choose_notice_mail(*, user: User, mode: str) -> None:
    """Store whether notices come by mail: `off`, `single` or `daily`."""
    user.notice_mail = mode
    user.save(update_fields=["notice_mail"])
