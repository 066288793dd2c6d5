"""Which statements write: before them the backends check the guard of the trail and set the actor."""

import re

FIRST_WORD = re.compile(r"(?:\s|\(|--[^\n]*\n|/\*.*?\*/)*([a-z]+)", re.IGNORECASE | re.DOTALL)
WRITE_INSIDE = re.compile(r"\b(?:insert|update|delete|merge|replace)\b", re.IGNORECASE)
WRITES = frozenset({"insert", "update", "delete", "replace", "merge", "copy", "do", "call", "execute"})
MAY_WRITE = frozenset({"with", "explain"})


def first_word(text: str) -> str:
    """Return the first keyword of a statement, in lower case."""
    found = FIRST_WORD.match(text)
    return found.group(1).lower() if found else ""


def writes(word: str, text: str) -> bool:
    """Return True if a statement may write to a table. A function that writes inside a SELECT is not detected."""
    return word in WRITES or (word in MAY_WRITE and WRITE_INSIDE.search(text) is not None)
