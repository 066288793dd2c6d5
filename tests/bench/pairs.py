"""Saving in Stroma and in the plain admin by turns: a machine that others share changes its speed within seconds."""

from statistics import median

from tests.bench import plain_runs, stroma_runs
from tests.bench.figures import Figures, Series
from tests.bench.servers import serving

SAVE = "save a 30-item form"
TURNS = 12


def run(figures: Figures, stroma: dict[str, str], plain: dict[str, str], *, saves: int) -> None:
    """Measure saves of both in short turns; the ratio is the median over the turns."""
    statements = stroma_runs.counted(stroma)["save"]
    with (
        serving("config.wsgi", stroma) as ours,
        serving("tests.bench.plain.wsgi", plain) as theirs,
    ):
        coordinator, admin = stroma_runs.signed_in(ours, "coordinator"), plain_runs.signed_in(theirs)
        turns = [
            (
                stroma_runs.saved(ours, coordinator, saves // TURNS, statements),
                plain_runs.saved(theirs, admin, saves // TURNS),
            )
            for _turn in range(TURNS)
        ]
    figures.series[SAVE] = _together([turn[0] for turn in turns], statements)
    figures.plain[SAVE] = _together([turn[1] for turn in turns], None)
    ratio = median(mine.per_second / other.per_second for mine, other in turns)
    figures.note(f"saves by turns: × {ratio:.2f} the plain admin's per second (median of {TURNS} turns)")


def _together(parts: list[Series], statements: int | None) -> Series:
    seconds = [each for part in parts for each in part.seconds]
    return Series(seconds, sum(part.cpu_seconds for part in parts), statements)
