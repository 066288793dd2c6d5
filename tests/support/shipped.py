"""Questions the tests of the shipped protocols ask: what a criterion, a check or a calculation answers.

Known facts are stored values by path: `demography.age`, `subject.inclusion_on`. No database.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from protocol.checking.loading import load
from protocol.document.document import Protocol
from protocol.expressions.compiled import Undetermined
from protocol.expressions.rules import FormRules, ProtocolRules, Scope

ROOT = Path(__file__).resolve().parents[2]
LIEGE, COVID_MSV, THIRD = "nct04445454", "nct04361942", "third"
BOTH = [LIEGE, COVID_MSV]
Facts = Mapping[str, Any]


def path_of(slug: str) -> Path:
    """The file of a shipped protocol, or of the invented third one."""
    return ROOT / ("tests/support/protocols" if slug == THIRD else "trials/protocols") / f"{slug}.toml"


@cache
def protocol(slug: str) -> Protocol:
    """The protocol as read from its file."""
    return load(path_of(slug).read_text(encoding="utf-8"))


@cache
def evaluation(slug: str) -> ProtocolRules:
    """Its compiled expressions."""
    return ProtocolRules(protocol(slug))


def rules(slug: str, form: str) -> FormRules:
    """The rules of one of its forms."""
    return evaluation(slug).form(form)


def scope(known: Facts, form: str = "", earlier: Facts | None = None) -> Scope:
    """What an expression sees: `known` by path; `earlier` are the answers of the record before this one."""
    forms: dict[str, dict[str, Any]] = {}
    for path, value in known.items():
        code, _, name = path.partition(".")
        forms.setdefault(code, {})[name] = value
    subject, here = forms.pop("subject", {}), forms.pop(form, {})
    return Scope(here, forms, subject, form=form, previous={form: earlier or {}}, same=forms)


def criterion(slug: str, id: str, known: Facts) -> bool | None:
    """Whether an inclusion criterion is met, or an exclusion present; None while that is open."""
    answers = {each.criterion.id: each.answer for each in evaluation(slug).criteria(scope(known))}
    return decided(answers[id])


def group(slug: str, known: Facts) -> str | None:
    """The code of the patient's group, `no group`, or None while that is open."""
    found = evaluation(slug).group(scope(known))
    if isinstance(found, Undetermined):
        return None
    return found.code if found else "no group"


def definition(slug: str, name: str, known: Facts) -> bool | None:
    """What a definition of the protocol says; None while that is open."""
    expression = evaluation(slug).compile(protocol(slug).definitions[name], evaluation(slug).names)
    return decided(expression.evaluate(scope(known)))


def fired(slug: str, form: str, known: Facts, earlier: Facts | None = None) -> set[str]:
    """The ids of the checks that the answers violate."""
    return {check.id for check in rules(slug, form).fired(scope(known, form, earlier))}


def calculated(slug: str, form: str, known: Facts) -> dict[str, str]:
    """The calculated items that the answers decide, as they are stored."""
    return rules(slug, form).calculated(scope(known, form))


def decided(answer: object) -> bool | None:
    """True or false; None for undetermined."""
    return answer if isinstance(answer, bool) else None
