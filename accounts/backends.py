"""The signed-in user, read with a query whose SQL is built once, since every request needs it."""

from typing import Any

from allauth.account.auth_backends import AuthenticationBackend

from accounts.models import User
from audit.compiled_queries import CompiledQuery

PERSON = CompiledQuery(lambda person: User.objects.filter(pk=person), person=int)


class PersonBackend(AuthenticationBackend):
    """allauth's backend. A deactivated user is signed out from the next request on (P11-04)."""

    def get_user(self, user_id: Any) -> User | None:
        """Return the user of a session, or None."""
        found = PERSON.first(person=int(user_id))
        return found if found is not None and self.user_can_authenticate(found) else None
