"""What every page knows about the installation and its reader."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import User

THEME_COOKIE = "theme"
THEMES: dict[str, str | Promise] = dict(User._meta.get_field("theme").flatchoices)
ENVIRONMENTS: dict[str, str | Promise] = {
    "training": _("Training"),
    "production": _("Production"),
    "test": _("Test"),
}


@dataclass(frozen=True)
class Installation:
    """What this installation is for and how this reader wants to see it."""

    environment: str
    environment_title: str | Promise
    version: str
    theme: str
    themes: dict[str, str | Promise]
    languages: list[tuple[str, str | Promise]]
    idle_seconds: int


def theme_of(request: HttpRequest) -> str:
    """Return `auto`, `light` or `dark`: of the profile when signed in, else of the cookie."""
    user = getattr(request, "user", None)
    chosen = (
        user.theme if user is not None and user.is_authenticated else request.COOKIES.get(THEME_COOKIE, "")
    )
    return chosen if chosen in THEMES else "auto"


def installation(request: HttpRequest) -> dict[str, Any]:
    """Give templates `installation`."""
    environment = settings.ENVIRONMENT
    return {
        "installation": Installation(
            environment=environment,
            environment_title=ENVIRONMENTS[environment],
            version=settings.VERSION,
            theme=theme_of(request),
            themes=THEMES,
            languages=list(settings.LANGUAGES),
            idle_seconds=settings.SESSION_IDLE_SECONDS,
        )
    }
