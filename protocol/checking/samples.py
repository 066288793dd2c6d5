"""Checks of the samples of a protocol file: their visits, the forms of their results, repeated codes."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from protocol.checking.shape import Problem, Written
from protocol.document.document import Protocol
from protocol.document.samples import SamplePlan


def sample_problems(protocol: Protocol, raw: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the mistakes between the samples and the other tables of a protocol whose parts have the right shape."""
    written = Written.in_file(raw)
    visits = _written_visits(raw)
    yield from _repeated("samples", [plan.code for plan in protocol.samples])
    for plan in protocol.samples:
        path = f"samples.{plan.code}"
        yield from _repeated(f"{path}.visits", [each.visit for each in plan.visits])
        yield from _repeated(f"{path}.results", list(plan.results))
        for each in plan.visits:
            if each.visit not in visits:
                yield Problem(f"{path}.visits", f"unknown visit {each.visit!r}")
        yield from _results(path, plan, protocol, written)


def _written_visits(raw: Mapping[str, Any]) -> frozenset[str]:
    """Return the codes of the visits of the file, including those of the wrong shape."""
    visits = raw.get("visits")
    tables = [each for each in visits if isinstance(each, dict)] if isinstance(visits, list) else []
    return frozenset(code for each in tables if isinstance(code := each.get("code"), str))


def _results(path: str, plan: SamplePlan, protocol: Protocol, written: Written) -> Iterator[Problem]:
    for result in plan.results:
        form, _, item = result.partition(".")
        if form not in written.forms:
            yield Problem(f"{path}.results", f"unknown form {form!r}")
        elif item and result not in written.items:
            yield Problem(f"{path}.results", f"unknown item {result!r}")
        elif form in protocol.forms and not protocol.forms[form].samples:
            told = f"results of samples are entered there: forms.{form} needs samples = true"
            yield Problem(f"{path}.results", told)


def _repeated(path: str, codes: list[str]) -> Iterator[Problem]:
    for code, times in Counter(codes).items():
        if times > 1:
            yield Problem(f"{path}.{code}", f"stands {times} times")


def sample_succession(before: Protocol, after: Protocol) -> Iterator[Problem]:
    """Yield what a new version may not change of a sample: tubes of the earlier version keep their label.

    A sample that is left out is not taken any more; those taken stay.
    """
    known = {plan.code: plan for plan in before.samples}
    for plan in after.samples:
        old = known.get(plan.code)
        if old is not None and old.specimen != plan.specimen:
            was = f"is {old.specimen} in version {before.trial.version}"
            told = f"{was}, and tubes of it are labelled so: use another code"
            yield Problem(f"samples.{plan.code}.specimen", told)
