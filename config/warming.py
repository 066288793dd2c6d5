"""Loads before a process is ready the modules and templates that its first page needs."""

from importlib import import_module

from django.conf import settings
from django.template import engines
from django.urls import get_resolver

from config.production import refuse_demo_accounts
from protocol.expressions.rules import rules_of
from trials.models import ProtocolVersion, Trial

_warm: list[bool] = []


def is_warm() -> bool:
    """Return True once everything was loaded."""
    return bool(_warm)


def warm() -> None:
    """Load addresses, templates and the protocols in force, once per process.

    Raises DatabaseError if the database is away, and ImproperlyConfigured if production has demo accounts.
    """
    if _warm:
        return
    refuse_demo_accounts()
    import_module(settings.ROOT_URLCONF)
    len(get_resolver().reverse_dict)
    _load_templates()
    for trial in Trial.objects.select_related("protocol").exclude(protocol=None):
        _compile(trial.protocol)
    _warm.append(True)


def _compile(version: ProtocolVersion | None) -> None:
    if version is None:
        return
    rules = rules_of(version.rules)
    for code in version.rules.forms:
        len(rules.form(code).reads)


def _load_templates() -> None:
    engine = engines["django"]
    for folder in (settings.BASE_DIR / "templates",):
        for path in sorted(folder.rglob("*.html")):
            engine.get_template(str(path.relative_to(folder)))
