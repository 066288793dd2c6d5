"""Template context of every page: the installation and the reader's preferences."""

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
    """Purpose and version of this installation, and the reader's display preferences."""

    environment: str
    environment_title: str | Promise
    version: str
    theme: str
    themes: dict[str, str | Promise]
    languages: list[tuple[str, str | Promise]]
    idle_seconds: int


def theme_of(request: HttpRequest) -> str:
    """Return `auto`, `light` or `dark`: from the profile if signed in, else from the cookie."""
    user = getattr(request, "user", None)
    chosen = (
        user.theme if user is not None and user.is_authenticated else request.COOKIES.get(THEME_COOKIE, "")
    )
    return chosen if chosen in THEMES else "auto"


def installation(request: HttpRequest) -> dict[str, Any]:
    """Return the context variable `installation` for templates."""
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
