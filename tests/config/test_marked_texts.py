"""Every text can be translated: `make messages` finds it, whole, and under the name of its sense (docs/translating.md)."""

import ast
import re
from pathlib import Path

from django.core.management import call_command

from tests.support.marked import ROOT, Marked, marked

_ENTRY = re.compile(r'^(msgctxt|msgid|msgid_plural) ((?:"(?:\\.|[^"\\])*"\n?)+)', re.MULTILINE)


def extracted(catalogue: Path) -> set[Marked]:
    """Return the texts of a catalogue that nobody has translated."""
    found = set()
    for block in catalogue.read_text(encoding="utf-8").split("\n\n"):
        parts = {
            name: "".join(map(ast.literal_eval, lines.splitlines())) for name, lines in _ENTRY.findall(block)
        }
        if parts.get("msgid"):
            found.add(Marked(parts["msgid"], parts.get("msgctxt", ""), parts.get("msgid_plural", "")))
    return found


def test_the_collection_finds_every_marked_text(settings, tmp_path, monkeypatch):
    """One that xgettext does not see stays English in every language, and nobody is told."""
    settings.LOCALE_PATHS = [tmp_path]
    monkeypatch.chdir(ROOT)
    call_command("makemessages", locale=["fr"], ignore_patterns=["tests", "docs"], no_wrap=True, verbosity=0)
    found, known = extracted(tmp_path / "fr/LC_MESSAGES/django.po"), marked()
    assert len(known) > 2000
    assert {each.text for each in known} - {each.text for each in found} == set()
    assert {(each.context, each.text) for each in found} == {(each.context, each.text) for each in known}
