"""Every text can be translated: `make messages` finds it, whole, under the name of its sense."""

import ast
import re
from collections.abc import Callable
from pathlib import Path

from django.core.management import call_command

from tests.support.project.syntax import nodes, tree
from tests.support.translation.marked_texts import (
    PLACES,
    ROOT,
    Marked,
    marked,
    name_of,
    python_files,
    templates,
)
from tools.placeholder_comments import MEANINGS, PLACEHOLDER, commented

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


# A text that was marked where it stands and is looked up here, by file and by what is looked up.
LOOKED_UP = {
    ("audit/trail_reading/change_labels.py", "concealed.words"),
    ("audit/trail_reading/plain_words.py", "MISSING_WORDS[value['missing']]"),
    ("exports/management/commands/registry_results.py", "SENTENCES[each.fault]"),
    ("exports/odm/study_definitions.py", "words"),
    ("exports/paper/cioms.py", "ABSENT[value]"),
    ("exports/paper/crf.py", "YES_NO_WORDS[code]"),
    ("exports/paper/crf.py", "MISSING_WORDS[code]"),
    ("dosing/masked/forms.py", "MISSING_WORDS[code]"),
    ("exports/tables/description/code_lists.py", "words"),
    ("exports/tables/trail/labels.py", "text"),
    ("patients/entry/fields.py", "MISSING_WORDS[code]"),
    ("patients/system_texts.py", "AGE_DISAGREES"),
    ("patients/system_texts.py", "UNUSUAL"),
    ("patients/system_texts.py", "words"),
    ("reports/outcomes/words.py", "method"),
    ("safety/authority/answering.py", "ELEMENTS[each].name"),
    ("safety/sae_reports/completeness.py", "SENTENCES[finding.flaw]"),
    ("safety/sae_reports/completeness.py", "named"),
    ("safety/sae_reports/sheet.py", "ABSENT[value]"),
    ("safety/sae_reports/sheet.py", "ELEMENTS[element].name"),
}
CASE = {"lower", "upper", "capitalize", "title", "swapcase"}
Rule = Callable[[ast.AST], bool]


def found_by(rule: Rule) -> list[str]:
    """Return where a rule finds something in the source: file, line, code."""
    return [
        f"{path.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node)[:100]}"  # type: ignore[attr-defined]
        for path in python_files()
        for node in nodes(tree(path))
        if rule(node)
    ]


def translated(node: ast.AST) -> bool:
    """Return whether an expression is made of a translated text, a label of a choice among them."""
    return any(
        name_of(part)
        or (isinstance(part, ast.Attribute) and part.attr in {"label", "verbose_name", "words"})
        or (
            isinstance(part, ast.Attribute)
            and part.attr.startswith("get_")
            and part.attr.endswith("_display")
        )
        for part in ast.walk(node)
    )


def test_no_gettext_function_has_another_name():
    """xgettext knows the functions by their names and as `_`: under an alias a text is never collected."""

    def alias(node: ast.AST) -> bool:
        if isinstance(node, ast.Assign):
            return isinstance(node.value, ast.Name) and node.value.id in PLACES.keys() - {"_"}
        names = node.names if isinstance(node, ast.ImportFrom) else []
        return any(each.name in PLACES and each.asname not in (None, "_") for each in names)

    assert found_by(alias) == []


def test_what_is_marked_is_written_out():
    """A text that is put together while the program runs is in no catalogue."""
    dynamic = {
        (str(path.relative_to(ROOT)), ast.unparse(node.args[place]))
        for path in python_files()
        for node in nodes(tree(path))
        if (name := name_of(node)) and isinstance(node, ast.Call)
        for place in PLACES[name]
        if place is not None and not isinstance(node.args[place], ast.Constant)
    }
    assert dynamic == LOOKED_UP


def test_no_translated_text_changes_its_case():
    """Where a sentence needs a small letter, it needs a text of its own: German nouns, Spanish titles."""

    def recased(node: ast.AST) -> bool:
        if not isinstance(node, ast.Call):
            return False
        if isinstance(node.func, ast.Name):
            return node.func.id == "capfirst"
        return isinstance(node.func, ast.Attribute) and node.func.attr in CASE and translated(node.func.value)

    assert found_by(recased) == []
    # The names of languages are Django's, each in its own language.
    filters = [
        (path.name, each)
        for path in templates()
        for each in re.findall(r"\|(?:capfirst|lower|upper|title)\b", path.read_text(encoding="utf-8"))
    ]
    assert {name for name, _filter in filters} == {"language_menu.html", "_appearance.html"}


def test_no_sentence_is_glued():
    """Another language has another order: a text is not added to, nor put in the middle of an f-string."""

    def glued(node: ast.AST) -> bool:
        if isinstance(node, ast.JoinedStr):
            return any(name_of(part) for part in ast.walk(node))
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return any(_is_text(side) for side in (node.left, node.right))
        return isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add) and _is_text(node.value)

    assert found_by(glued) == []


def _is_text(node: ast.AST) -> bool:
    """Return whether an expression is a translated text itself, with or without its parameters."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
        return _is_text(node.left)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _is_text(node.left) or _is_text(node.right)
    if isinstance(node, ast.IfExp):
        return _is_text(node.body) or _is_text(node.orelse)
    return bool(name_of(node))


def test_no_hidden_text_completes_a_translated_one():
    """A button that shows “Remove” is called by `aria-label` in one text: “Remove the authenticator app”."""
    joined = re.compile(
        r'translate[^%]*%\}(\{% endif %\})?<span class="visually-hidden"> \{% (block)?translate'
    )
    torn = [
        str(path) for path in (ROOT / "templates").rglob("*.html") if joined.search(path.read_text("utf-8"))
    ]
    assert torn == []


def test_the_language_of_the_reader_is_asked_for_in_one_place():
    """What to write where no language is active is said once: `audit.stored_text.reader_language`."""

    def asked(node: ast.AST) -> bool:
        return isinstance(node, ast.Call) and "get_language" in {
            getattr(node.func, "id", ""),
            getattr(node.func, "attr", ""),
        }

    assert [place.split(":")[0] for place in found_by(asked)] == ["audit/stored_text.py"]


def test_no_translated_word_is_put_into_a_translated_sentence_as_its_verb():
    """A parameter is a name or a number. Words with grammar belong to the sentence: one text for each."""

    def inserted(node: ast.AST) -> bool:
        if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) and name_of(node.left)):
            return False
        return any(name_of(part) for part in ast.walk(node.right))

    assert found_by(inserted) == []


def test_translators_read_what_each_placeholder_stands_for():
    """`make messages` writes its meaning above each text that has it, and no meaning is left of one that is gone."""
    texts = [text for each in marked() for text in (each.text, each.plural)]
    assert {name for text in texts for name in PLACEHOLDER.findall(text)} == set(MEANINGS)

    entry = '#. Written by hand.\n#: a.py\n#, python-format\nmsgid "%(patient)s: %(count)d form"\n'
    plural = 'msgid_plural "%(patient)s: %(count)d forms"\nmsgstr[0] ""\n'
    assert commented(f'msgid "Save"\nmsgstr ""\n\n{entry}{plural}') == (
        'msgid "Save"\nmsgstr ""\n\n#. Written by hand.\n'
        f"#. %(patient)s: {MEANINGS['patient']}\n#. %(count)s: {MEANINGS['count']}\n"
        + entry.partition("\n")[2]
        + plural
    )


def test_each_text_is_whole():
    """No text begins or ends with what joins it to another, and no bracket is left open."""
    torn = [
        text
        for each in marked()
        for text in (each.text, each.plural)
        if text and (text != text.strip() or text[0] in ",;:.)" or text[-1] in ",;(")
    ]
    assert torn == []
