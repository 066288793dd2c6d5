"""Schemas that others wrote, to hold our files against. They are not part of the project (STROMA_ORACLES)."""

import os
from functools import lru_cache
from pathlib import Path

import pytest
from lxml import etree


def oracle(name: str) -> Path:
    """Return a file of the folder of oracles; skip the test where there is none."""
    folder = os.environ.get("STROMA_ORACLES")
    if not folder:
        pytest.skip("STROMA_ORACLES is unset: name the folder with the schemas to compare with them")
    path = Path(folder) / name
    assert path.exists(), f"STROMA_ORACLES holds no {name}"
    return path


@lru_cache
def _schema(path: Path) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(path))


def schema_errors(content: bytes, name: str) -> list[str]:
    """Return what the schema of the oracles finds wrong in an XML file."""
    schema = _schema(oracle(name))
    schema.validate(etree.fromstring(content))
    return [f"{error.line}: {error.message}" for error in schema.error_log]
