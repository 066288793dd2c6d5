"""Compare the outcomes with the same ones by polars over the Parquet export: `python -m tests.bench.outcomes_polars`.

Printed in the environment of the bench: medians of milliseconds, of CPU in this process and of a clock. Ours: computed
from the database without the cache, and unchanged, from the cache; both with every figure, limit and step of a curve.
Polars: read the exported tables, whose export is not measured, and count, with warm imports. It makes counts alone,
without limits, which is in its favour; the counts of both must be the same.
"""

import io
import os
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
TURNS, WARMING = 15, 2
AIM = "aim: at most 1000 ms cold, 50 ms unchanged, polars at least 5 times as long as unchanged"
APART = (
    "  cold reads the database and makes every figure with its limits; polars reads tables that an export wrote before "
    "(its {export:.0f} ms are not counted) and makes counts alone. Unchanged is a report from the cache, the page "
    "that is opened again: the aim of five times is about it. Cold takes {cold:.1f} times as long as polars"
)
RELATED = ["possible", "probable", "definite"]
Counts = dict[tuple[str, str, str], dict[str, int]]


def by_polars(folder: Path) -> Counts:
    """Return the counts of every reading of the trial by reading, group and answer."""
    import polars as pl

    tables = {
        name: pl.scan_parquet(folder / f"{name}.parquet")
        for name in ("patients", "visits", "infusions", "adverse_events")
    }
    forms = {
        name: pl.scan_parquet(folder / f"forms/{name}.parquet").filter(pl.col("status") == "complete")
        for name in ("vital_status", "respiratory_support", "support_episode")
    }
    people = _people(pl, tables, forms).collect()
    events = _events(pl, tables, people.lazy()).collect()
    found: Counts = {}
    special = (
        pl.when(pl.col("aesi").is_null())
        .then(None)
        .otherwise(pl.col("aesi").str.starts_with("INFECTION") | (pl.col("aesi") == "THROMBOEMBOLIC"))
    )
    related, expected = pl.col("judged"), pl.col("is_expected")
    infused = people.filter(pl.col("first").is_not_null())
    groups = ("", "A", "B")
    for code in ("patients", "events", "rate"):
        _count_events(pl, found, f"L-P1 {code}", people, events, special, 28, groups)
    for kind in (
        "INFECTION_BACTERIAL",
        "INFECTION_VIRAL",
        "INFECTION_FUNGAL",
        "INFECTION_PARASITIC",
        "THROMBOEMBOLIC",
    ):
        key = f"L-P1 {kind.removeprefix('INFECTION_').lower()}"
        _count_events(pl, found, key, people, events, pl.col("aesi") == kind, 28, ("",))
    soon = pl.col("soon")
    _count_events(pl, found, "L-P4 patients", infused, events, related & soon, 90, groups)
    _count_events(pl, found, "L-P4 events", infused, events, related & soon, 90, ("",))
    _count_events(pl, found, "L-P4 any_cause", infused, events, soon, 90, ("",))
    for code, rule in {
        "ar": related, "ar_above_3": related & (pl.col("grade") > 3), "ar_3": related & (pl.col("grade") >= 3),
        "sae": pl.col("serious"), "sar": pl.col("serious") & related,
        "sesar": pl.col("serious") & related & expected, "susar": pl.col("serious") & related & ~expected,
    }.items():  # fmt: skip
        _count_events(pl, found, f"L-S1 {code}", people, events, rule, 90, groups)
    of_a, of_b = (people.filter(pl.col("group") == code) for code in "AB")
    _count(found, "L-P2 died", "", of_b["died_by_28"])
    _count(found, "L-P2 survival", "", of_b["time_by_28"])
    _count(found, "L-P3 dead", "", of_a["died_by_28"])
    _count(found, "L-P3 ventilated_or_dead", "", of_a["failed"])
    return found


def _people(pl: Any, tables: dict[str, Any], forms: dict[str, Any]) -> Any:
    status = (
        forms["vital_status"]
        .group_by("patient")
        .agg(
            pl.col("last_contact_on").max().alias("contact"),
            pl.col("died_on").drop_nulls().last().alias("died_on"),
        )
    )
    first = (
        tables["infusions"]
        .filter(pl.col("started").is_not_null())
        .group_by("patient")
        .agg(pl.col("started").min().alias("first"))
    )
    rows = (
        tables["patients"]
        .filter(pl.col("included_on").is_not_null())
        .select("patient", "group", "included_on")
    )
    rows = rows.join(status, on="patient", how="left").join(first, on="patient", how="left")
    apart = (pl.col("visit_date") - pl.col("included_on")).dt.total_days()
    seen = (
        forms["respiratory_support"]
        .join(rows.select("patient", "included_on"), on="patient")
        .group_by("patient")
        .agg(((pl.col("support") == "IMV") & apart.is_between(0, 28)).any().alias("seen"))
    )
    began = (pl.col("started_at").str.slice(0, 10).str.to_date() - pl.col("included_on")).dt.total_days()
    if forms["support_episode"].collect_schema()["started_at"] != pl.String:
        began = (pl.col("started_at").dt.date() - pl.col("included_on")).dt.total_days()
    logged = (
        forms["support_episode"]
        .join(rows.select("patient", "included_on"), on="patient")
        .group_by("patient")
        .agg(((pl.col("kind") == "IMV") & began.is_between(0, 28)).any().alias("logged"))
    )
    rows = rows.join(seen, on="patient", how="left").join(logged, on="patient", how="left")
    until = (pl.col("died_on").cast(pl.Date) - pl.col("included_on")).dt.total_days()
    known = (pl.col("contact") - pl.col("included_on")).dt.total_days()
    died = (
        pl.when(until.is_not_null()).then(until <= 28).when(known >= 28).then(statement=False).otherwise(None)
    )
    timed = (
        pl.when(until.is_not_null()).then(until <= 28).when(known >= 0).then(statement=False).otherwise(None)
    )
    return rows.with_columns(died.alias("died_by_28"), timed.alias("time_by_28")).with_columns(
        (pl.col("died_by_28") | pl.col("seen") | pl.col("logged")).alias("failed")
    )


def _events(pl: Any, tables: dict[str, Any], people: Any) -> Any:
    events = tables["adverse_events"].filter(pl.col("in_error_reason").is_null())
    events = events.join(people.select("patient", "included_on"), on="patient")
    onset = pl.col("onset").str.slice(0, 10).str.to_date()
    doses = tables["infusions"].filter(pl.col("started").is_not_null()).select("patient", "started")
    # An onset that is known to the day may lie within 24 hours of a dose, or not: undetermined there.
    least, most = (
        (onset.cast(pl.Datetime) + pl.duration(minutes=minutes) - pl.col("started")).dt.total_minutes() / 60
        for minutes in (0, 1439)
    )
    near = (
        pl.when((most < 0) | (least > 24))
        .then(statement=False)
        .when((least >= 0) & (most <= 24))
        .then(statement=True)
        .otherwise(None)
    )
    soon = (
        events.join(doses, on="patient").with_columns(near.alias("near")).group_by("patient", "number")
        .agg(pl.when(pl.col("near").any()).then(statement=True).when(pl.col("near").is_null().any()).then(None).otherwise(statement=False).alias("soon"))
    )  # fmt: skip
    return events.join(soon, on=["patient", "number"], how="left").with_columns(
        (onset - pl.col("included_on")).dt.total_days().alias("day"),
        pl.when(pl.col("causality").is_null())
        .then(None)
        .otherwise(pl.col("causality").is_in(RELATED))
        .alias("judged"),
        pl.when(pl.col("expectedness") == "expected")
        .then(statement=True)
        .when(pl.col("expectedness") == "unexpected")
        .then(statement=False)
        .otherwise(None)
        .alias("is_expected"),
    )


def _count_events(
    pl: Any, found: Counts, key: str, people: Any, events: Any, rule: Any, last: int, parts: tuple[str, ...]
) -> None:
    counted = events.filter(pl.col("day").is_between(0, last)).with_columns(rule.alias("counts"))
    by_patient = counted.group_by("patient").agg(
        pl.col("counts").sum().alias("events"), pl.col("counts").is_null().sum().alias("open")
    )
    rows = (
        people.select("patient", "group")
        .join(by_patient, on="patient", how="left")
        .with_columns(pl.col("events", "open").fill_null(0))
    )
    answers = (
        pl.when(pl.col("events") > 0)
        .then(statement=True)
        .when(pl.col("open") > 0)
        .then(None)
        .otherwise(statement=False)
    )
    rows = rows.with_columns(answers.alias("answer"))
    for part in parts:
        here = rows.filter(pl.col("group") == part) if part else rows
        _count(found, key, part, here["answer"])
        found[key, "", part] |= {
            "events": int(here["events"].sum()), "events_undetermined": int(here["open"].sum()),
        }  # fmt: skip


def _count(found: Counts, key: str, part: str, answers: Any) -> None:
    found[key, "", part] = {
        "patients": len(answers), "yes": int(answers.sum() or 0), "undetermined": int(answers.null_count()),
    }  # fmt: skip


def by_us(access: Any) -> Any:
    """Return the lines of every reading, computed without the cache."""
    from outcomes.computing import computed

    return computed(access, arms=True)


def differing(report: Any, counts: Counts) -> list[str]:
    """Return where polars counts otherwise than we do, or does not count."""
    found = []
    for line in report.lines:
        other = counts.get((f"{line.outcome} {line.reading}", line.visit, line.part), {})
        ours = {name: getattr(line, name) for name in other}
        if ours != other or not other:
            found.append(f"{line.outcome} {line.reading} {line.part}: {ours} {other}")
    return found


def exported(trial: Any, folder: Path) -> None:
    """Unpack the Parquet export of a trial."""
    from audit.context import acting
    from exports.exporting import export

    with acting(system="bench", reason="measuring"):
        packed = b"".join(
            export(
                trial=trial,
                purpose="bench",
                sees_treatment=True,
                by=None,
                label="bench",
                format_code="parquet",
            )
        )
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        archive.extractall(folder)


def measured(work: Callable[[], object]) -> tuple[float, float]:
    """Return the medians of CPU and clock in milliseconds."""
    for _each in range(WARMING):
        work()
    cpu, clock = [], []
    for _each in range(TURNS):
        begun, started = time.process_time(), time.perf_counter()
        work()
        cpu.append(1000 * (time.process_time() - begun))
        clock.append(1000 * (time.perf_counter() - started))
    return median(cpu), median(clock)


def main() -> None:
    """Print both ways in turns of one run, and what the comparison is of."""
    import django

    django.setup()
    from accounts.models import User
    from audit.context import acting
    from demo.people import make_people
    from outcomes.computing import report_of
    from tests.bench import outcomes
    from tests.bench.fill import PASSWORD
    from trials.access import access_to

    trial = outcomes.filled()
    with acting(system="bench", reason="measuring"):
        user = User.objects.filter(username="statistician", delegations__trial=trial).first()
        if user is None:
            user = make_people([trial], PASSWORD)["statistician"]
    access = access_to(user=user, slug=trial.slug)
    with tempfile.TemporaryDirectory() as name:
        begun = time.perf_counter()
        exported(trial, Path(name))
        export = 1000 * (time.perf_counter() - begun)
        if wrong := differing(by_us(access), by_polars(Path(name))):
            raise SystemExit("\n".join(wrong))
        polars, cold = measured(lambda: by_polars(Path(name))), measured(lambda: by_us(access))
        unchanged = measured(lambda: report_of(access))
    patients = trial.patients.count()
    visits = sum(each.visits.count() for each in trial.patients.all()) / patients
    ratios = [f"{polars[place] / unchanged[place]:.1f}" for place in (0, 1)]
    print(
        f"outcomes of {patients} patients with {visits:.0f} visits each, CPU (clock) ms: "
        f"cold {cold[0]:.0f} ({cold[1]:.0f}), unchanged {unchanged[0]:.1f} ({unchanged[1]:.1f}), "
        f"polars {polars[0]:.0f} ({polars[1]:.0f}); polars / unchanged {ratios[0]} ({ratios[1]}); {AIM}"
    )
    print(APART.format(export=export, cold=cold[0] / polars[0]))


if __name__ == "__main__":
    main()
