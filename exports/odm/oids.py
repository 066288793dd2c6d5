"""Identifiers (OID) of an ODM file. They depend on names of the protocol and of tables only, so that they stay.

Names of a protocol are in lower case; the parts that we add are in upper case, so that no two can be equal.
"""

from typing import Final

STUDY_EVENT: Final = "SE.STUDY"
LOGS_EVENT: Final = "SE.LOGS"
RECORD_GROUP: Final = "IG.RECORD"
SITE: Final = "LC.SITE"
YES_NO: Final = "CL.NY"
MISSING: Final = "CL.MISSING"
FLAG_TYPES: Final = "CL.FLAG_TYPE"
QUERY_STATES: Final = "CL.QUERY_STATE"
QUERY_ORIGINS: Final = "CL.QUERY_ORIGIN"
RECORD_STATES: Final = "CL.RECORD_STATE"
PRESENTATION: Final = "PR.NONE"


def study(slug: str) -> str:
    """Return the OID of a trial."""
    return f"ST.{slug}"


def version(name: str) -> str:
    """Return the OID of a version of the protocol."""
    return f"MD.{name}"


def visit(code: str) -> str:
    """Return the OID of a visit."""
    return f"SE.VISIT.{code}"


def form(code: str) -> str:
    """Return the OID of a form of the protocol."""
    return f"FO.{code}"


def group(code: str, table: str = "") -> str:
    """Return the OID of the items of a form, or of one of its tables."""
    return f"IG.{code}.{table}" if table else f"IG.{code}"


def item(code: str, *names: str) -> str:
    """Return the OID of an item of a form, of a column of its table, or of a part of either."""
    return ".".join(("IT", code, *names))


def record_item(name: str) -> str:
    """Return the OID of a fact of every form: its status, its version."""
    return f"IT.RECORD.{name}"


def fact_form(table: str) -> str:
    """Return the OID of the form that holds the rows of a table of the study."""
    return f"FO.STUDY.{table}"


def fact_group(table: str) -> str:
    """Return the OID of the columns of a table of the study."""
    return f"IG.STUDY.{table}"


def fact_item(table: str, column: str) -> str:
    """Return the OID of a column of a table of the study."""
    return f"IT.STUDY.{table}.{column}"


def code_list_of(item_oid: str) -> str:
    """Return the OID of the codes of an item."""
    return f"CL.{item_oid.removeprefix('IT.')}"


def unit(name: str) -> str:
    """Return the OID of a unit."""
    return f"MU.{name}"


def method(item_oid: str) -> str:
    """Return the OID of the calculation of an item."""
    return f"MT.{item_oid.removeprefix('IT.')}"


def condition(item_oid: str) -> str:
    """Return the OID of the condition under which an item is not asked."""
    return f"CD.{item_oid.removeprefix('IT.')}"


def definition(name: str) -> str:
    """Return the OID of a named expression of the protocol."""
    return f"MT.DEFINITION.{name}"


def user(name: str, role: str) -> str:
    """Return the OID of a person in a role; a process has no role."""
    return f"US.{name}.{role}" if role else f"US.{name}"


def signature(meaning: str) -> str:
    """Return the OID of a meaning of a signature."""
    return f"SD.{meaning}"
