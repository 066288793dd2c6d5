"""Six processes call `due` in the same second, as six machines would: every work is done once."""

import subprocess
import sys

import pytest

from tests.support.operation.installation import installation

pytestmark = [pytest.mark.django_db, pytest.mark.long]


def test_six_machines_at_once_start_each_work_once(tmp_path):
    with installation(tmp_path / "place") as place:
        calls = [
            subprocess.Popen(
                [sys.executable, "manage.py", "due"], cwd=place.code, env=place.variables(),
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )
            for _machine in range(6)
        ]  # fmt: skip
        answers = [call.communicate(timeout=120) for call in calls]
        assert [call.returncode for call in calls] == [0] * 6, answers
        for name in ("backup", "documents", "uploads", "sessions"):
            started = sum(out.count(f"{name}: ") for out, _err in answers)
            assert started == 1, name
