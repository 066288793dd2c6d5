"""An invented French that puts every text of the system in «guillemets», so that a test sees what was translated."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.utils import translation
from django.utils.translation import trans_real

CONTEXT = "\x04"
LANGUAGES = [("en", "English"), ("fr", "Français")]


def spoken(monkeypatch: Any) -> None:
    """Replace the French translations: `The value was corrected.` becomes `«The value was corrected.»`."""
    words = trans_real.DjangoTranslation("fr")
    monkeypatch.setattr(words, "gettext", lambda text: f"«{text.split(CONTEXT)[-1]}»")
    monkeypatch.setattr(words, "ngettext", lambda one, many, n: words.gettext(one if n == 1 else many))
    monkeypatch.setitem(trans_real._translations, "fr", words)


@contextmanager
def french(monkeypatch: Any) -> Iterator[None]:
    """Activate the invented French inside the block."""
    with monkeypatch.context() as patched:
        spoken(patched)
        with translation.override("fr"):
            yield
