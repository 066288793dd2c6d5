"""Initial passwords: generated, shown once to the administrator, replaced at the first sign-in."""

import secrets

from django.db import transaction

from accounts.models import User

# Without characters that look alike on paper (i, l, o, 0, 1).
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
GROUPS, LETTERS = 4, 5


def initial_password() -> str:
    """Return twenty random characters in four groups: about 99 bits."""
    groups = ("".join(secrets.choice(ALPHABET) for _ in range(LETTERS)) for _ in range(GROUPS))
    return "-".join(groups)


@transaction.atomic
def own_password_chosen(*, user: User) -> None:
    """Record that the user has replaced the initial password."""
    if user.must_change_password:
        user.must_change_password = False
        user.save(update_fields=["must_change_password"])
