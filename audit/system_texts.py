"""The trail's own texts, and the names under which people and processes act, in the reader's language."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit.stored_text import title

PROCESS = "system:"
FOR = " for "
# Stored in English as the name of whoever has not signed in.
NOT_SIGNED_IN = "Not signed in"

TEXTS = {
    "audit.content_changed": gettext_lazy("content changed"),
    "process.migrate": gettext_lazy("System upgrade"),
    "process.seal": gettext_lazy("Sealing of the trail"),
}


def actor_words(name: str) -> str:
    """Return the full name of an actor as a page shows it: a process in the reader's language, a person as is.

    A process that the trail knows no words for is shown as it was stored, `system:<name> for <person>`.
    """
    if name == NOT_SIGNED_IN:
        return _("Not signed in")
    if not name.startswith(PROCESS):
        return name
    process, acts_for, person = name.removeprefix(PROCESS).partition(FOR)
    words = title(f"process.{process}", "")
    if not words:
        return name
    if not acts_for:
        return words
    # Translators: a process of the system, and the person whose action made it run.
    return _("%(process)s, for %(person)s") % {"process": words, "person": person}


def role_title(code: str) -> str:
    """Return the title of a role, or its code in plain letters."""
    return title(f"role.{code}", code.replace("_", " "))
