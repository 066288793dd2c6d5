"""The mask of a redaction, and whether a text differs from another by masks alone (AUD-12)."""

import re

MASK = "████"
# In a JSON text that Django writes, and as it is.
_MASKS = re.compile(rf"{MASK}|{re.escape(MASK.encode('ascii', 'backslashreplace').decode())}")


def only_masks(old: str | None, new: str | None) -> bool:
    """Return True if `new` is `old` with pieces replaced by the mask: all other characters stand in both, in order."""
    if old is None or new is None:
        return False
    first, *others = _MASKS.split(new)
    if not others:
        return old == new
    *middle, last = others
    if not old.startswith(first):
        return False
    at = len(first)
    for piece in middle:
        at = old.find(piece, at)
        if at < 0:
            return False
        at += len(piece)
    return len(old) - at >= len(last) and old.endswith(last)
