"""Laboratories and their reference ranges, for functions and for pages."""

from datetime import date
from decimal import Decimal
from typing import Any

from audit.context import acting
from trials.laboratories.ranges import RangeFacts, add_laboratory, add_range
from trials.models import Laboratory, ReferenceRange, Trial

START = date(2020, 1, 1)


def central(trial: Trial) -> Laboratory:
    """Create the central laboratory of a trial."""
    with acting(system="test"):
        return add_laboratory(trial=trial, code="central", name="Central laboratory", by=None)


def facts(path: str = "biochemistry.crp", **told: Any) -> RangeFacts:
    form, _dot, item = path.partition(".")
    known = {"unit": "mg/L", "upper": Decimal(5), "effective_from": START}
    return RangeFacts(form=form, item=item, **{**known, **told})


def given(laboratory: Laboratory, path: str = "biochemistry.crp", **told: Any) -> ReferenceRange:
    with acting(system="test"):
        return add_range(laboratory=laboratory, facts=facts(path, **told), by=None)


def address(trial: Trial, end: str = "") -> str:
    return f"/trials/{trial.slug}/laboratories/{end}"
