"""A user whose writes are attributed, and the trail of these writes."""

import pytest

from accounts.models import User

postgresql = pytest.mark.skipif("connection.vendor != 'postgresql'")


def person(name: str, **fields) -> User:
    return User.objects.create_user(name.replace(" ", "."), None, full_name=name.title(), **fields)
