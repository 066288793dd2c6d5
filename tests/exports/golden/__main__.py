"""Compare the golden files with what the formats make now: `python -m tests.exports.golden`, `--renew` to keep it.

For each format `golden/<format>.sha256` has a line for each data file, and `golden/<format>/` has those that are short
texts. Both ways the command prints what is new, gone and changed, a text line by line.
"""

import argparse
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import unified_diff
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent


def golden(code: str) -> tuple[dict[str, str], dict[str, bytes]]:
    """Return the hash of each golden file of a format by name, and the content of those that are text."""
    listed = FOLDER / f"{code}.sha256"
    lines = listed.read_text("utf-8").splitlines() if listed.exists() else []
    hashes = {name: digest for digest, _space, name in (line.partition("  ") for line in lines)}
    texts = {
        path.relative_to(FOLDER / code).as_posix(): path.read_bytes()
        for path in sorted((FOLDER / code).rglob("*"))
        if path.is_file()
    }
    return hashes, texts


def differences(code: str, files: dict[str, bytes]) -> Iterator[str]:
    """Yield a line for each file of a format that is new, gone or changed; of a text, the lines that changed."""
    from tests.exports.golden.invented import hashes

    wanted, texts = golden(code)
    now = {
        name: digest for digest, _space, name in (line.partition("  ") for line in hashes(files).splitlines())
    }
    for name in sorted(wanted.keys() | now.keys()):
        if name not in now:
            yield f"{code}: {name} is gone"
        elif name not in wanted:
            yield f"{code}: {name} is new"
        elif now[name] != wanted[name]:
            yield f"{code}: {name} changed"
            if name in texts:
                yield from compared(name, texts[name], files[name])


def compared(name: str, old: bytes, new: bytes) -> Iterator[str]:
    """Yield what changed in a text, as a unified difference."""
    before, after = (data.decode("utf-8").splitlines() for data in (old, new))
    yield from unified_diff(before, after, f"golden/{name}", f"now/{name}", lineterm="", n=0)


def renew(code: str, files: dict[str, bytes]) -> None:
    """Keep what a format makes now."""
    from tests.exports.golden.invented import hashes, texts_of

    for name in golden(code)[1]:
        (FOLDER / code / name).unlink()
    (FOLDER / f"{code}.sha256").write_text(hashes(files), "utf-8")
    for name, data in texts_of(files).items():
        (FOLDER / code / name).parent.mkdir(parents=True, exist_ok=True)
        (FOLDER / code / name).write_bytes(data)


@contextmanager
def own_database() -> Iterator[None]:
    """Set Django up with an empty database and a folder of its own, which are gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "config.settings", "STROMA_ENV": "test", "STROMA_DATA": folder,
        }  # fmt: skip
        import django

        django.setup()
        from django.test.utils import setup_databases, teardown_databases

        from tests.support.database import migrated

        migrated.copy_instead_of_migrating()
        made = setup_databases(verbosity=0, interactive=False)
        try:
            yield
        finally:
            teardown_databases(made, verbosity=0)


def every_file() -> Iterator[tuple[str, dict[str, bytes]]]:
    """Yield each format with its files."""
    from tests.exports.golden.invented import FORMAT_CODES, data_files
    from tests.exports.golden.studies import STUDY_FILES

    for code in FORMAT_CODES:
        yield code, data_files(code)
    for code, make in STUDY_FILES.items():
        yield code, make()


def main() -> None:
    """Print what changed, and keep it if that was asked for. Exits with 1 if something changed and is not kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--renew", action="store_true", help="keep what the formats make now")
    is_renewed = parser.parse_args().renew
    told: list[str] = []
    with own_database():
        for code, files in every_file():
            told += differences(code, files)
            if is_renewed:
                renew(code, files)
    print(*told or ["nothing changed"], sep="\n")
    if told and not is_renewed:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
