"""The measured figures and the printed table."""

import statistics
from dataclasses import dataclass, field

AIMS = {
    "save a 30-item form": "≥ 1.5 × plain saves/s, ≤ 12 statements, ≤ 15 ms CPU",
    "live answer, 72 items": "≤ 50 ms CPU: skip logic, calculations, limits and checks of the whole form",
    "casebook, 20 visits": "≤ 15 queries, ≤ 60 ms",
    "home, 50 patients": "≤ 20 queries, ≤ 100 ms",
    "listing of 100,000 events": "≤ 100 ms, same queries as at 100",
    "the same, all columns": "≤ 100 ms, same queries as at 100",
}


@dataclass
class Series:
    """One scenario, repeated: seconds of each request, CPU seconds of all, SQL statements of one."""

    seconds: list[float]
    cpu_seconds: float
    statements: int | None = None

    @property
    def per_second(self) -> float:
        """Return requests per second with one client."""
        return len(self.seconds) / sum(self.seconds)

    @property
    def cpu_ms(self) -> float:
        """Return CPU milliseconds of the server per request."""
        return self.cpu_seconds / len(self.seconds) * 1000

    def percentile_ms(self, share: float) -> float:
        """Return a percentile of the durations in milliseconds; share: 0 to 1."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000


@dataclass
class Figures:
    """All figures of one database engine: series of Stroma, series of the plain admin, notes."""

    engine: str
    series: dict[str, Series] = field(default_factory=dict)
    plain: dict[str, Series] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        """Add a line below the table."""
        self.notes.append(text)

    def note_lines(self, text: str) -> None:
        """Add the lines that another process printed."""
        self.notes += [line for line in text.splitlines() if line and not line.startswith("filled")]


def _row(name: str, series: Series, ratio: str) -> str:
    statements = "–" if series.statements is None else str(series.statements)
    median = statistics.median(series.seconds) * 1000
    return (
        f"{name:34} {series.per_second:8.1f} {median:8.1f} {series.percentile_ms(0.95):8.1f} "
        f"{series.cpu_ms:8.1f} {statements:>6}  {ratio}"
    )


def printed(figures: Figures) -> str:
    """Return the table: requests/s, p50 and p95 in ms, CPU in ms, SQL statements, ratio to the plain admin."""
    lines = [
        "",
        figures.engine,
        f"{'':34} {'req/s':>8} {'p50 ms':>8} {'p95 ms':>8} {'CPU ms':>8} {'SQL':>6}  against the plain admin",
    ]
    for name, series in figures.series.items():
        other = figures.plain.get(name)
        ratio = f"× {series.per_second / other.per_second:.2f} requests/s" if other else ""
        lines.append(_row(name, series, ratio))
        if other:
            lines.append(_row("  plain admin", other, ""))
        if name in AIMS:
            lines.append(f"  aim: {AIMS[name]}")
    return "\n".join([*lines, *(f"  {note}" for note in figures.notes)])
