"""Versions of everything that ran: the commit, Python, Django and every pinned package."""

import platform
import re
import subprocess
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import django

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements" / "worker.txt"
PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;]+)", re.MULTILINE)


@dataclass(frozen=True)
class Version:
    """A part of the installation. `remark` says when it differs from what is pinned; empty otherwise."""

    part: str
    version: str
    remark: str = ""


def commit() -> str:
    """Return the commit of the tree, with the number of changed files if there are any."""
    head = _git("rev-parse", "HEAD")
    changed = len(_git("status", "--porcelain").splitlines())
    return f"{head} with {changed} changed files" if head and changed else head or "not a git repository"


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def versions(project: str) -> list[Version]:
    """Return what the pack was made with; `project` is the version of Stroma."""
    return [
        Version("Stroma", project),
        Version("Commit", commit()),
        Version("Python", platform.python_version()),
        Version("Django", django.get_version()),
        Version("Operating system", platform.platform()),
        *_packages(),
    ]


def _packages() -> list[Version]:
    found = []
    for name, pinned in PINNED.findall(LOCK.read_text(encoding="utf-8")):
        try:
            installed = version(name)
        except PackageNotFoundError:
            found.append(Version(name, pinned, "pinned, not installed on this machine"))
            continue
        found.append(Version(name, installed, "" if installed == pinned else f"pinned as {pinned}"))
    return found
