"""docs/roles.md matches the code."""

import re
from pathlib import Path

from trials.permissions import Permission
from trials.roles import ROLES

PAGE = (Path(__file__).resolve().parents[2] / "docs/roles.md").read_text(encoding="utf-8")

CLINICAL = {
    Permission.SCREEN,
    Permission.ENTER_DATA,
    Permission.ENROL,
    Permission.SIGN,
    Permission.REPORT_EVENT,
    Permission.ASSESS_EVENT,
    Permission.RECORD_INFUSION,
    Permission.PREPARE_PRODUCT,
    Permission.SIGN_ELIGIBILITY,
}
CLEANING = {Permission.ANSWER_QUERY, Permission.RAISE_QUERY, Permission.VERIFY, Permission.LOCK}


def documented_rights() -> dict[str, set[str]]:
    table = PAGE.split("## What a right means")[0]
    rows = re.findall(r"^\| `(\w+)` \|[^|]*\| ([\w, ]+) \|$", table, re.MULTILINE)
    return {role: set(rights.split(", ")) for role, rights in rows}


def test_the_page_lists_the_rights_of_each_role():
    """P11-07: the role × action matrix is data, and what is published is what holds."""
    assert documented_rights() == {
        code: {str(right) for right in role.permissions} for code, role in ROLES.items()
    }


def test_the_page_explains_every_right():
    explained = set(
        re.findall(r"^\| `(\w+)` \| [^|]+ \|$", PAGE.split("## What a right means")[1], re.MULTILINE)
    )
    assert explained == {str(permission) for permission in Permission}


def test_an_administrator_writes_no_clinical_data():
    """ACC-02: no role holds data entry together with the management of people, or the trail's review."""
    for role in ROLES.values():
        if Permission.MANAGE_PEOPLE in role.permissions or Permission.REVIEW_TRAIL in role.permissions:
            assert not role.permissions & CLINICAL, role.code


def test_who_sees_the_treatment_neither_treats_nor_judges_a_patient():
    """BLD-01: the blind is kept by those who enter, assess, ask about, verify and clean clinical data."""
    seeing = [role for role in ROLES.values() if Permission.SEE_TREATMENT in role.permissions]
    assert {"cell_laboratory", "statistician"} <= {role.code for role in seeing}
    for role in seeing:
        assert not role.permissions & (CLINICAL - {Permission.PREPARE_PRODUCT}), role.code
        assert not role.permissions & CLEANING, role.code
