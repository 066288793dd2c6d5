"""The figures of the trial in a pack: drawn from the data of the moment, pooled unless the pack shows the arms."""

from collections.abc import Callable

from django.utils.translation import gettext as _

from reports.packs.contents import PackFigure, PackSection, PackView
from reports.study_figures.contract import DrawnFigure, FigureChoice, FigureView, StudyFigure
from reports.study_figures.files import PRINT_FONT, svg_file
from reports.study_figures.registry import of_trial
from trials.access import Access
from trials.models import Trial
from trials.permissions import Permission as P
from trials.roles import Role


class _PooledReader(Role):
    """Whoever reads a pooled pack, whatever else that person may know."""

    code = ""
    permissions = frozenset({P.SEE_TRIAL})


class _ReaderOfArms(Role):
    """Whoever reads a pack by arm: the pack itself is for those only who may know the arms."""

    code = ""
    permissions = frozenset({P.SEE_TRIAL, P.SEE_TREATMENT, P.SEE_CLOSED_REPORT})


def figures(*keys: str) -> Callable[[PackView], PackSection]:
    """Return a chapter with the named figures, without a name all of the trial that need no right of their own."""

    def section(view: PackView) -> PackSection:
        chosen = [
            each
            for each in of_trial(view.rules)
            if each.see == P.SEE_TRIAL and (not keys or each.key in keys)
        ]
        return PackSection(_("Figures"), [], [part for each in chosen for part in _every_choice(view, each)])

    return section


def _every_choice(view: PackView, figure: StudyFigure) -> list[PackFigure]:
    """Return the figure, of laboratory tests one for each that the trial looks at first."""
    role = _ReaderOfArms if view.by_arm else _PooledReader
    access = Access(user=view.access.user, trial=view.trial, role=role)
    found = []
    for choice in _chosen(view.trial, figure):
        shown = FigureView(access=access, language=view.language, moment=view.moment, chosen=choice.value)
        found += _drawn(figure, choice.label, figure.draw(shown))
    return found


def _chosen(trial: Trial, figure: StudyFigure) -> tuple[FigureChoice, ...]:
    """Return the choices among the items of the baseline table and of the profile; without any the opening one."""
    rules = trial.rules
    first = {*(rules.baseline.table if rules.baseline else ()), *rules.profile.labs}
    chosen = tuple(each for each in figure.choices(rules) if each.value in first)
    return chosen or (figure.opening(trial) or FigureChoice("", ""),)


def _drawn(figure: StudyFigure, choice: str, drawn: DrawnFigure) -> list[PackFigure]:
    """Return the drawings of a figure; a figure that cannot be drawn says why."""
    note = " ".join([*drawn.notes, *([", ".join(drawn.methods)] if drawn.methods else [])])
    title, how = ": ".join(part for part in (str(figure.title), choice) if part), str(figure.question)
    if not drawn.drawings:
        return [PackFigure(title=title, how=how, svg="", alt="", note=drawn.why or note)]
    return [
        PackFigure(
            title=title if len(drawn.drawings) == 1 else f"{title}: {each.title}",
            how=how,
            svg=svg_file(each.figure, title=each.title, font=PRINT_FONT),
            alt=each.figure.label,
            note=note,
        )
        for each in drawn.drawings
    ]
