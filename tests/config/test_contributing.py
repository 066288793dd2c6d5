"""What CONTRIBUTING.md tells people to open exists."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
NAMED = re.compile(r"`([\w./-]+(?:\.py|\.toml|\.md|\.html|/))`|\]\(([\w./-]+)\)")


def recipes() -> dict[str, str]:
    """Return the text of each recipe by its title."""
    parts = re.split(r"^### (.+)$", PAGE.partition("## Recipes")[2], flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_file_that_is_named_exists():
    named = [first or second for first, second in NAMED.findall(PAGE)]
    places = [name for name in named if "/" in name or name.endswith(".md")]
    assert len(places) > 30
    assert [name for name in places if not (ROOT / name).exists()] == []


def test_there_is_a_recipe_for_what_people_add():
    assert list(recipes()) == [
        "Add an edit check",
        "Add an item type",
        "Add a page",
        "Add a column to an export",
        "Add a format to an export",
        "Add a role",
    ]


def test_every_name_in_a_recipe_is_in_one_of_its_files():
    """A constant such as `PARSERS` stands in a file that the same recipe names."""
    for title, text in recipes().items():
        files = [ROOT / name for name, _link in NAMED.findall(text) if name.endswith(".py") and "/" in name]
        code = "\n".join(path.read_text(encoding="utf-8") for path in files)
        constants = set(re.findall(r"`(_?[A-Z][A-Z_]{3,})`", text))
        assert {name for name in constants if name not in code} == set(), title
