"""Further conditions under which a production process refuses to start."""

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from accounts.models import User


def refuse_demo_accounts() -> None:
    """Raise ImproperlyConfigured if a production database has an active training account. One query."""
    if not settings.PRODUCTION:
        return
    names = list(User.objects.filter(is_demo=True, is_active=True).values_list("username", flat=True)[:3])
    if names:
        raise ImproperlyConfigured(
            f"Production refuses to start with demo accounts ({', '.join(names)} …): use a database of its own"
        )
