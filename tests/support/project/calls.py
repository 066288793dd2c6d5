"""The calls that one request makes from one function of the project into another."""

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
ELSEWHERE = ("tests/", ".venv/")


@dataclass(frozen=True, slots=True)
class Call:
    """A function that was called, and the functions that were waiting for it, the nearest first."""

    file: str
    function: str
    waiting: tuple[str, ...]

    @property
    def step(self) -> str:
        """The function as the documentation writes it."""
        return f"{self.file}:{self.function}"


def calls_of(first: str, drive: Callable[[], Any]) -> list[Call]:
    """Return the calls between the call of `first` (`file:function`) and its return, while `drive` runs.

    Left out are comprehensions and lambdas, which belong to the function that holds them.
    """
    found: list[Call] = []
    start: list[FrameType] = []

    def note(frame: FrameType, event: str, _argument: Any) -> None:
        if event == "return" and start == [frame]:
            sys.setprofile(None)
        if event != "call" or (file := project_file(frame.f_code)) is None:
            return
        function = frame.f_code.co_qualname
        if not start and f"{file}:{function}" == first:
            start.append(frame)
        if start and not frame.f_code.co_name.startswith("<"):
            found.append(Call(file, function, tuple(_waiting(frame, start[0]))))

    sys.setprofile(note)
    try:
        drive()
    finally:
        sys.setprofile(None)
    return found


def project_file(code: CodeType) -> str | None:
    """Return the path of the code inside the project; None for tests, libraries and generated code."""
    path = code.co_filename.removeprefix(f"{ROOT}/")
    return None if path.startswith((*ELSEWHERE, "/", "<")) else path


def _waiting(frame: FrameType, start: FrameType) -> Iterable[str]:
    while frame is not start and frame.f_back is not None:
        frame = frame.f_back
        if (file := project_file(frame.f_code)) is not None:
            yield file
