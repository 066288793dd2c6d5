"""The reason in the trail for answers that were given as a group."""

from collections.abc import Collection

from audit.stored_text import StoredText, Text, system_text
from patients.system_texts import AMENDED_AS_GROUP, ANSWERED_AS_GROUP


def reason_with_group(names: Collection[str], reason: Text | None) -> StoredText:
    """Return the reason of the trail for answers given as a group, with the person's own reason if there is one."""
    items = ", ".join(names)
    if reason:
        return system_text(AMENDED_AS_GROUP, reason=reason, items=items)
    return system_text(ANSWERED_AS_GROUP, items=items)
