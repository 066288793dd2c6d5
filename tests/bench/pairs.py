"""Measure saves in Stroma and in the plain admin in turns, because the speed of a shared machine changes in seconds.

The plain admin runs twice: with a database connection for each request, as is Django's default, and with connections
kept open, as in Stroma.
"""

from statistics import median

from tests.bench import plain_runs, stroma_runs
from tests.bench.figures import Figures, Series
from tests.bench.servers import serving

SAVE = "save a 30-item form"
TURNS = 12


def run(figures: Figures, stroma: dict[str, str], plain: dict[str, str], *, saves: int) -> None:
    """Measure saves in short alternating turns; each ratio is the median over the turns."""
    statements = stroma_runs.counted(stroma)["save"]
    with (
        serving("config.wsgi", stroma) as ours,
        serving("tests.bench.plain.wsgi", plain) as theirs,
        serving("tests.bench.plain.wsgi", {**plain, "PLAIN_KEEPS_CONNECTIONS": "yes"}) as kept,
    ):
        coordinator = stroma_runs.signed_in(ours, "coordinator")
        admins = [(server, plain_runs.signed_in(server)) for server in (theirs, kept)]
        turns = [
            [
                stroma_runs.saved(ours, coordinator, saves // TURNS, statements),
                *(plain_runs.saved(server, admin, saves // TURNS) for server, admin in admins),
            ]
            for _turn in range(TURNS)
        ]
    mine, stock, keeping = (list(each) for each in zip(*turns, strict=True))
    figures.series[SAVE] = _together(mine, statements)
    figures.plain[SAVE] = _together(stock, None)
    figures.note(f"saves by turns, median of {TURNS}: {_ratios(mine, stock)} the plain admin")
    figures.note(f"beside a plain admin that keeps its connections: {_ratios(mine, keeping)}")


def _ratios(mine: list[Series], others: list[Series]) -> str:
    turns = list(zip(mine, others, strict=True))
    saves = median(one.per_second / other.per_second for one, other in turns)
    cpu = median(other.cpu_ms / one.cpu_ms for one, other in turns)
    return f"× {saves:.2f} saves/s, × {cpu:.2f} saves per CPU second"


def _together(parts: list[Series], statements: int | None) -> Series:
    seconds = [each for part in parts for each in part.seconds]
    return Series(seconds, sum(part.cpu_seconds for part in parts), statements)
