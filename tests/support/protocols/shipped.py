"""Evaluate criteria, checks and calculations of the shipped protocols.

Facts are stored values by path: `demography.age`, `subject.inclusion_on`. No database.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from protocol.checking.loading import load
from protocol.document.document import Protocol
from protocol.expressions.compiled import Undetermined
from protocol.expressions.rules import FormRules, ProtocolRules
from protocol.expressions.scope import Scope

ROOT = Path(__file__).resolve().parents[3]
LIEGE, COVID_MSV, THIRD = "nct04445454", "nct04361942", "third"
BOTH = [LIEGE, COVID_MSV]
Facts = Mapping[str, Any]


def path_of(slug: str) -> Path:
    """Return the file of a shipped protocol, or of the invented third one."""
    return ROOT / ("tests/support/protocols" if slug == THIRD else "trials/protocols") / f"{slug}.toml"


@cache
def protocol(slug: str) -> Protocol:
    """Return the protocol, read from its file."""
    return load(path_of(slug).read_text(encoding="utf-8"))


@cache
def evaluation(slug: str) -> ProtocolRules:
    """Return the compiled expressions of a protocol."""
    return ProtocolRules(protocol(slug))


def rules(slug: str, form: str) -> FormRules:
    """Return the rules of one of its forms."""
    return evaluation(slug).form(form)


def scope(known: Facts, form: str = "", earlier: Facts | None = None) -> Scope:
    """Return the context of an expression: `known` by path, `earlier` as the answers of the previous record."""
    forms: dict[str, dict[str, Any]] = {}
    for path, value in known.items():
        code, _, name = path.partition(".")
        forms.setdefault(code, {})[name] = value
    subject, here = forms.pop("subject", {}), forms.pop(form, {})
    return Scope(here, forms, subject, form=form, previous={form: earlier or {}}, same=forms)


def criterion(slug: str, id: str, known: Facts) -> bool | None:
    """Return whether an inclusion criterion is met or an exclusion criterion present; None if undetermined."""
    answers = {each.criterion.id: each.answer for each in evaluation(slug).eligibility.criteria(scope(known))}
    return decided(answers[id])


def group(slug: str, known: Facts) -> str | None:
    """Return the code of the patient's group, `no group`, or None if undetermined."""
    found = evaluation(slug).eligibility.group(scope(known))
    if isinstance(found, Undetermined):
        return None
    return found.code if found else "no group"


def definition(slug: str, name: str, known: Facts) -> bool | None:
    """Return the value of a definition of the protocol; None if undetermined."""
    expression = evaluation(slug).compile(protocol(slug).definitions[name], evaluation(slug).names)
    return decided(expression.evaluate(scope(known)))


def fired(slug: str, form: str, known: Facts, earlier: Facts | None = None) -> set[str]:
    """Return the ids of the checks that the answers violate."""
    return {check.id for check in rules(slug, form).fired(scope(known, form, earlier))}


def calculated(slug: str, form: str, known: Facts) -> dict[str, str]:
    """Return the determined calculated items, as stored."""
    return rules(slug, form).calculated(scope(known, form))


def decided(answer: object) -> bool | None:
    """Return True or False; None for an undetermined answer."""
    return answer if isinstance(answer, bool) else None
