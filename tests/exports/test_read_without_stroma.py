"""An exported study is read and verified where nothing of this project is installed."""

import subprocess
import sys

import pytest
from django.urls import reverse

from tests.support import build

pytestmark = pytest.mark.django_db

READ_ALONE = """
import csv, hashlib, io, json, sys, zipfile
archive = zipfile.ZipFile(sys.argv[1])
manifest = json.loads(archive.read("manifest.json"))
for file in manifest["files"]:
    assert hashlib.sha256(archive.read(file["name"])).hexdigest() == file["sha256"], file["name"]
def rows(name):
    return list(csv.DictReader(io.TextIOWrapper(archive.open(name), "utf-8", newline="")))
items = {(row["table"], row["item"]): row for row in rows("data_dictionary.csv")}
print(rows("forms/demography.csv")[0]["sex"], items["forms/demography", "sex"])
"""


def test_an_export_is_read_and_checked_without_stroma(trial, manager, tmp_path):
    """P11-03: a bare Python, which finds no package, verifies the checksums and reads a value and its code list."""
    build.enrolled(trial=trial)
    file = tmp_path / "export.zip"
    answer = build.client(manager).post(reverse("exports:index", args=[trial.slug]), {"purpose": "archive"})
    file.write_bytes(b"".join(answer.streaming_content))
    read = subprocess.run(
        [sys.executable, "-I", "-S", "-c", READ_ALONE, file],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert read.stderr == ""
    assert read.stdout.startswith("M {")
    assert "M = Male" in read.stdout
