"""An invented French: every text of the system in «guillemets», so that a page tells its language."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.utils import translation
from django.utils.translation import trans_real

CONTEXT = "\x04"
LANGUAGES = [("en", "English"), ("fr", "Français")]


def spoken(monkeypatch: Any) -> None:
    """Let French be the invented one: `The value was corrected.` is `«The value was corrected.»`."""
    words = trans_real.DjangoTranslation("fr")
    monkeypatch.setattr(words, "gettext", lambda text: f"«{text.split(CONTEXT)[-1]}»")
    monkeypatch.setattr(words, "ngettext", lambda one, many, n: words.gettext(one if n == 1 else many))
    monkeypatch.setitem(trans_real._translations, "fr", words)


@contextmanager
def french(monkeypatch: Any) -> Iterator[None]:
    """Read and write as a person whose language is the invented French."""
    with monkeypatch.context() as patched:
        spoken(patched)
        with translation.override("fr"):
            yield
