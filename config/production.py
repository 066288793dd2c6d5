"""What production refuses to start with, beyond what the settings themselves refuse."""

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from accounts.models import User


def refuse_demo_accounts() -> None:
    """Raise ImproperlyConfigured when a training account exists in a production database. One query."""
    if not settings.PRODUCTION:
        return
    names = list(User.objects.filter(is_demo=True, is_active=True).values_list("username", flat=True)[:3])
    if names:
        raise ImproperlyConfigured(
            f"Production refuses to start with demo accounts ({', '.join(names)} …): use a database of its own"
        )
