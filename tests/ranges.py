"""Laboratories and their reference ranges, as verbs and pages take them."""

import re
from datetime import date
from decimal import Decimal
from typing import Any

from audit.context import acting
from trials.laboratories import Facts, add_range
from trials.models import Laboratory, ReferenceRange, Trial

START = date(2020, 1, 1)


def facts(path: str = "biochemistry.crp", **told: Any) -> Facts:
    form, _dot, item = path.partition(".")
    known = {"unit": "mg/L", "upper": Decimal(5), "effective_from": START}
    return Facts(form=form, item=item, **{**known, **told})


def given(laboratory: Laboratory, path: str = "biochemistry.crp", **told: Any) -> ReferenceRange:
    with acting(system="test"):
        return add_range(laboratory=laboratory, facts=facts(path, **told), by=None)


def address(trial: Trial, end: str = "") -> str:
    return f"/trials/{trial.slug}/laboratories/{end}"


def words(response: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())
