"""Sentences that `audit` stores as codes, and the names of actors and roles in the reader's language."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit.context import ACCOUNT
from audit.stored_text import title_of_code

PROCESS = "system:"
FOR = " for "
# Stored in English as the name of an actor who has not signed in.
NOT_SIGNED_IN = "Not signed in"

TEXTS = {
    "audit.content_changed": gettext_lazy("content changed"),
    "audit.found_so": gettext_lazy(
        "Found so, without a trace in the trail; settled by %(first)s and %(second)s"
    ),
    "audit.masked": gettext_lazy("Personal data masked, as %(name)s asked"),
    "process.migrate": gettext_lazy("System upgrade"),
    "process.settle": gettext_lazy("Settling of the trail"),
    "process.seal": gettext_lazy("Sealing of the trail"),
}


def actor_words(name: str) -> str:
    """Return the name of an actor for a page: a process in the reader's language, a person's name unchanged.

    A process without a registered title is returned as stored: `system:<name> for <person>`.
    """
    if name == NOT_SIGNED_IN:
        return _("Not signed in")
    if name.startswith(ACCOUNT):
        return _("The account %(account)s") % {"account": name.removeprefix(ACCOUNT)}
    if not name.startswith(PROCESS):
        return name
    process, acts_for, person = name.removeprefix(PROCESS).partition(FOR)
    words = title_of_code(f"process.{process}", "")
    if not words:
        return name
    if not acts_for:
        return words
    if person.startswith(ACCOUNT):
        person = _("the account %(account)s") % {"account": person.removeprefix(ACCOUNT)}
    # Translators: a process of the system, and the person whose action made it run.
    return _("%(process)s, for %(person)s") % {"process": words, "person": person}


def role_title(code: str) -> str:
    """Return the title of a role; without a registered title its code with spaces for underscores."""
    return title_of_code(f"role.{code}", code.replace("_", " "))
