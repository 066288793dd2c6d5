"""Infusions and their products, as a browser sends and shows them."""

import re

from django.urls import reverse

from dosing.models import Infusion
from tests.support.study import product_chain as chain
from trials.models import Trial

FIRST, SECOND = "10-Mar-2026", "13-Mar-2026"


def page(patient, name: str = "infusion", number: int = 1) -> str:
    return reverse(f"dosing:{name}", args=[patient.trial.slug, patient.code, number])


def listing(trial) -> str:
    return reverse("dosing:listing", args=[trial.slug])


def weighed(day: str = FIRST, **changed) -> dict:
    return {"weight_kg": "82,4", "weight_measured": f"{day} 08:00", "version": "1", **changed}


def bedside(day: str = FIRST, **changed) -> dict:
    """Return the typed bedside data of an infusion from 10:00 to 11:00."""
    typed = {
        "started": f"{day} 10:00", "ended": f"{day} 11:00", "volume_ml": "100", "interrupted": "N",
        "interruption_reason": "", "premedication": "Paracetamol 1 g", "timing_deviation_reason": "",
    }  # fmt: skip
    return weighed(day) | typed | changed


def product(*, lot: str = "L-1", donor_code: str = "D-17", bag: int = 1, **changed) -> dict:
    """Return the typed product data: 3 × 10⁶ cells/kg at 82.4 kg, of a bag that lies in the stock of the trial.

    bag: which of the lot. donor_code: empty for a placebo. The trial is the one that was loaded last.
    """
    typed = {
        "thawed": f"{FIRST} 09:00", "viable_cells": "247.2", "viability_percent": "91,5",
        "dose_deviation_reason": "", "donor_deviation_reason": "", "version": "0", **changed,
    }  # fmt: skip
    if "bags" in changed:
        return typed
    trial = Trial.objects.latest("pk")
    made = chain.named_lot(
        trial, lot, of=donor_code or "D-17", frozen=bool(typed["thawed"]), cells=bool(donor_code)
    )
    return typed | {"bags": chain.bag(trial, f"{made.number}/{bag}", of=made.number).number}


def stored(patient, number: int = 1) -> Infusion:
    return Infusion.objects.get(patient=patient, number=number)


def text_of(response) -> str:
    """Return the text of a page, without tags, with white space collapsed."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def errors_of(response) -> dict[str, str]:
    assert response.status_code == 422
    return {name: " ".join(errors) for name, errors in response.context["form"].errors.items()}
