"""What SDTM and ODM make of small captured studies: the files that the golden ones are compared with.

The studies are the same on every day and engine. What differs, keys and the times of the trail, is put in order by
`numbered`: it says the first, the second of its kind.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Final

import time_machine
from django.db import transaction

from accounts.models import User
from audit.context import acting
from patients.models import Patient, Query, Record
from patients.queries import threads
from tests.exports.golden.stable_xml import data_part, defined_part, numbered
from tests.exports.odm.files import odm
from tests.support import build
from tests.support.study import amended_protocol, bedside, raised_queries
from tests.support.study.masked_trial import masked_trial
from tests.support.study.tabulated import Package, tabulated_trial
from trials.models import Trial

INCLUDED: Final = date(2021, 3, 10)
ROLES: Final = ("coordinator", "investigator", "data_manager")
FORM: Final = """
[forms.all]
title = { en = "Every kind of item", fr = "Tous les types" }
[[forms.all.groups]]
title = { en = "First" }
items = [
  { name = "hb", type = "decimal", label = { en = "Haemoglobin" }, unit = "g/L", comparators = true, units = [
    { unit = "g/dL", factor = "10" },
  ], decimals = 1, hard = [10, 300], soft = [60, 200], loinc = "718-7" },
  { name = "crp", type = "decimal", label = { en = "CRP" }, unit = "mg/L", comparators = true },
  { name = "weight", type = "decimal", label = { en = "Weight" }, unit = "kg" },
  { name = "signs", type = "choices", label = { en = "Signs", fr = "Signes" }, choices = [
    { code = "A", label = { en = "Cough", fr = "Toux" } }, { code = "B", label = { en = "Fever" } },
  ] },
  { name = "agreed", type = "yes_no", label = { en = "Agreed" } },
  { name = "why", type = "text", label = { en = "Why not" }, shown_when = "agreed == 'N'", required = false },
]
[[forms.all.groups]]
title = { en = "Second" }
items = [
  { name = "since", type = "partial_date", label = { en = "Since" } },
  { name = "at", type = "datetime", label = { en = "Moment" } },
  { name = "twice", type = "decimal", label = { en = "Twice" }, calculate = "crp * 2.0", required = false },
  { name = "doses", type = "rows", label = { en = "Doses" }, max_rows = 3, columns = [
    { name = "on", type = "date", label = { en = "On" } },
    { name = "mg", type = "decimal", label = { en = "Dose" }, unit = "mg" },
  ] },
]
"""
CAPTURED_FORM: Final = r"(FO|IG|IT|CL|MT|CD)\.all(\..*)?"
SHOWN_FORMS: Final = ("FO.all", "FO.falls", "FO.STUDY.signatures")
DEMOGRAPHICS: Final = r"(IG|IT|CL|VL|WC)\.(SUPP)?DM(\..*)?|MT\.(COHORT|ACTARM)"
VALUES: Final = {
    "hb": {"value": "125.0", "entered": "12.5", "unit": "g/dL"},
    "crp": {"comparator": "<", "limit": "0.3"},
    "weight": {"missing": "ND", "reason": "no scale"},
    "signs": ["B"],
    "agreed": "N",
    "why": 'Müller – 細胞, <&>"\nnext line',
    "since": "2021-01",
    "at": "2021-03-10T08:30+01:00[Europe/Brussels]",
    "doses": [
        {"_row": "r00000001", "on": "2021-03-01", "mg": "0.50"},
        {"_row": "r00000002", "on": {"missing": "UNK"}, "mg": "100"},
    ],
}


def walking_text(version: str) -> str:
    """Return the protocol file of WALK with a form that has every kind of item at screening."""
    text = amended_protocol.text(version)
    for old, new in (
        ('forms = ["intake", "vitals"]', 'forms = ["intake", "vitals", "all"]'),
        ("\n[forms.notes]", f"{FORM}\n[forms.notes]"),
    ):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def people(trial: Trial) -> dict[str, User]:
    """Return a person of each role, whose names do not depend on who was made before."""
    found = {}
    for role in ROLES:
        with acting(system="test"):
            found[role] = User.objects.create_user(
                f"golden.{role}", build.PASSWORD, full_name=f"Golden {role}", identity_verified_on=INCLUDED
            )
            build.delegate(found[role], trial=trial, role=role)
    return found


def walking_trial() -> Trial:
    """Return an amended trial: one patient who moved to the new version, with a query, a correction and a signature."""
    trial = build.version(walking_text("1.0")).trial
    staff = people(trial)
    nurse, doctor, manager = (staff[role] for role in ROLES)
    patient = amended_protocol.enrolled(trial, by=doctor, on=INCLUDED)
    amended_protocol.hold(patient, "SCR", by=nurse)
    record = build.record(patient, "all", VALUES, by=nurse)
    amended_protocol.vitals(patient, "SCR", by=nurse)
    build.record(patient, "falls", {"how": "Slipped"}, visit=None, by=nurse)
    query = raised_queries.make_query(record, manager, "crp")
    with acting(user=nurse, role="coordinator"):
        threads.answer_query(query=query, text="As the laboratory reported", by=nurse, role="coordinator")
    raised_queries.closed(Query.objects.get(pk=query.pk), manager, "Clear")
    with acting(user=nurse, role="coordinator", reason="Misread", origin="web"):
        row = Record.objects.get(pk=record.pk)
        row.values = {**row.values, "crp": "0.4", "doses": row.values["doses"][1:]}
        row.version += 1
        row.save(update_fields=["values", "version"])
    amendment = build.version(walking_text("1.1"), effective_from=amended_protocol.IN_FORCE)
    amended_protocol.move_to(patient, amendment, by=manager)
    moved = Patient.objects.get(pk=patient.pk)
    build.consent(moved, given=build.moment("20-Mar-2021 09:00"), by=nurse)
    amended_protocol.hold(moved, "D7", by=nurse)
    build.record(moved, "vitals", {"pulse": "181", "spo2": "97", "mood": "GOOD"}, visit="D7", by=nurse)
    return Trial.objects.get(pk=trial.pk)


@contextmanager
def undone() -> Iterator[None]:
    """Take back what was stored."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def odm_files() -> dict[str, bytes]:
    """Return the three ODM files of the amended trial, and of each the parts that a person can read."""
    names = {"odm": "snapshot", "odm-transactions": "transactions", "odm2-metadata": "definitions-2.0"}
    with undone(), time_machine.travel(amended_protocol.NOW, tick=True):
        trial = walking_trial()
        whole = {name: numbered(odm(trial, code)) for code, name in names.items()}
    found = {f"{name}.xml": content for name, content in whole.items()}
    for name in ("snapshot", "definitions-2.0"):
        found[f"{name}-form.xml"] = defined_part(whole[name], CAPTURED_FORM)
    for name in ("snapshot", "transactions"):
        found[f"{name}-data.xml"] = data_part(whole[name], SHOWN_FORMS)
    return found


def sdtm_files() -> dict[str, bytes]:
    """Return the packages of an open trial and of a masked one, read by somebody who may not know the treatment.

    Of each Define-XML the description of DM and its qualifiers stands alone too, for a person to read.
    """
    found: dict[str, bytes] = {}
    with undone(), time_machine.travel(bedside.NOW, tick=False):
        found |= {f"open/{name}": data for name, data in Package.of(tabulated_trial()).files.items()}
    with undone(), time_machine.travel(bedside.NOW, tick=False):
        masked = Package.of(masked_trial().trial, sees_treatment=False)
        found |= {f"masked/{name}": data for name, data in masked.files.items()}
    parts = {
        name.replace("define", "define-dm"): defined_part(data, DEMOGRAPHICS)
        for name, data in found.items()
        if name.endswith("define.xml")
    }
    return found | parts


STUDY_FILES: Final = {"odm": odm_files, "sdtm": sdtm_files}
