"""Changes from one report of a serious event to the next. No Django."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

Fact = Sequence[str]  # name, label, text


@dataclass(frozen=True)
class ChangedFact:
    """An answer that differs; an empty text where it was not given."""

    label: str
    before: str
    after: str


@dataclass(frozen=True)
class NarrativePart:
    """Sentences of a narrative that stayed (`same`), were taken out (`removed`) or came in (`added`)."""

    kind: str
    text: str


def changed_facts(before: Sequence[Fact], after: Sequence[Fact]) -> tuple[ChangedFact, ...]:
    """Return the answers that differ, in the order of the later report; those that were taken out come last."""
    old = {name: (label, text) for name, label, text in before}
    new = {name: (label, text) for name, label, text in after}
    found = [
        ChangedFact(label, old.get(name, ("", ""))[1], text)
        for name, (label, text) in new.items()
        if old.get(name, ("", ""))[1] != text
    ]
    gone = [ChangedFact(label, text, "") for name, (label, text) in old.items() if name not in new and text]
    return (*found, *gone)


def narrative_parts(before: str, after: str) -> tuple[NarrativePart, ...]:
    """Return the later narrative sentence by sentence, with what was taken out at its place."""
    old, new = _sentences(before), _sentences(after)
    parts: list[NarrativePart] = []
    # The last sentence has no space behind it: that alone is no difference.
    matcher = SequenceMatcher(
        None, [each.strip() for each in old], [each.strip() for each in new], autojunk=False
    )
    for what, old_from, old_to, new_from, new_to in matcher.get_opcodes():
        if what == "equal":
            parts.append(NarrativePart("same", "".join(new[new_from:new_to])))
            continue
        if old_to > old_from:
            parts.append(NarrativePart("removed", "".join(old[old_from:old_to])))
        if new_to > new_from:
            parts.append(NarrativePart("added", "".join(new[new_from:new_to])))
    return tuple(parts)


def _sentences(text: str) -> list[str]:
    """Return the sentences with the space that follows each, so that joined they are the text again."""
    return re.findall(r".+?(?:[.!?…]+(?:\s+|$)|\n+|$)", text, re.DOTALL)
