"""How a person wants to see the pages: not study data, so it leaves no history row."""

from django.db import transaction

from accounts.models import User


@transaction.atomic
def choose_theme(*, user: User, theme: str) -> None:
    """Remember `auto`, `light` or `dark`."""
    user.theme = theme
    user.save(update_fields=["theme"])


@transaction.atomic
def choose_language(*, user: User, language: str) -> None:
    """Remember the code of an installed language."""
    user.language = language
    user.save(update_fields=["language"])
