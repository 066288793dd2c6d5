"""A command that makes no document and no mapping does not carry the memory of those that do."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("exports.sdtm", "exports.odm", "exports.adam", "exports.paper", "outcomes", "reports.packs.registry")
STARTED = """
import sys
import django
django.setup()
from exports.document_makers import MAKERS
from exports.formats.registry import FORMATS
print(*sys.modules)
assert set(FORMATS) and set(MAKERS)
"""


def test_what_makes_documents_and_mappings_is_imported_only_when_it_is_asked_for():
    """A whole study as CSV takes 124 MB, of which Django's start took 98."""
    started = subprocess.run(
        [sys.executable, "-c", STARTED],
        cwd=ROOT,
        env={"DJANGO_SETTINGS_MODULE": "config.settings", "STROMA_ENV": "test", "SECRET_KEY": "x"},
        capture_output=True,
        text=True,
        check=True,
    )
    modules = set(started.stdout.split())
    assert "exports.formats.csv_files" in modules
    assert {name for name in HEAVY if name in modules} == set()
