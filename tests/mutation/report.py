"""What became of the mutants of each module, as text."""

from collections.abc import Sequence

from tests.mutation.listed import ListedModule
from tests.mutation.mutants import Mutant
from tests.mutation.running import OUT_OF_TIME, SURVIVED

WANTED_PERCENT = 95


class ModuleReport:
    """The outcome of each mutant of one module by its number."""

    def __init__(self, listed: ListedModule) -> None:
        self.listed = listed
        self.outcomes: dict[int, str] = {}
        self.killers: dict[str, str] = {}

    @property
    def is_complete(self) -> bool:
        """True once every mutant was tried."""
        return len(self.outcomes) == len(self.listed.module.mutants)

    @property
    def counted(self) -> int:
        """Mutants that the tests should notice: all but the excused ones."""
        return len(self.listed.module.mutants) - len(self.listed.excused)

    @property
    def survivors(self) -> list[Mutant]:
        """Mutants that no test noticed and nobody excused."""
        return [each for each in self._with(SURVIVED) if each.name not in self.listed.excused]

    @property
    def wrongly_excused(self) -> list[Mutant]:
        """Excused mutants that a test noticed: they are not equivalent."""
        excused = (
            number
            for number, each in enumerate(self.listed.module.mutants)
            if each.name in self.listed.excused
        )
        return [self.listed.module.mutants[number] for number in excused if self.outcomes[number] != SURVIVED]

    @property
    def percent(self) -> float:
        """Share of the counted mutants that the tests noticed."""
        return 100 * (self.counted - len(self.survivors)) / self.counted if self.counted else 100.0

    @property
    def is_enough(self) -> bool:
        """True if the share is reached and every excuse is right."""
        return self.percent >= WANTED_PERCENT and not self.wrongly_excused

    def line(self) -> str:
        """Return the figures of the module."""
        late, excused = len(self._with(OUT_OF_TIME)), len(self.listed.excused)
        killed = self.counted - len(self.survivors)
        figures = f"{self.listed.path:48} {self.counted:5} mutants {killed:5} killed {self.percent:5.1f} %"
        beside = [f"{late} by time"] * bool(late) + [f"{excused} excused"] * bool(excused)
        wrong = [f"  excused, but noticed by a test: {each.name}" for each in self.wrongly_excused]
        return "\n".join([f"{figures}  {', '.join(beside)}".rstrip(), *wrong])

    def note(self, number: int, outcome: str, killer: str) -> None:
        """Note what became of a mutant; print it at once if no test noticed it."""
        self.outcomes[number] = outcome
        mutant = self.listed.module.mutants[number]
        if killer:
            self.killers[mutant.name] = killer
        if outcome == SURVIVED and mutant.name not in self.listed.excused:
            print(f"  {self.listed.path}:{mutant.line}  {mutant.name}", flush=True)

    def _with(self, outcome: str) -> list[Mutant]:
        return [
            self.listed.module.mutants[number] for number, each in self.outcomes.items() if each == outcome
        ]


def printed(reports: Sequence[ModuleReport], seconds: float) -> str:
    """Return the table of all modules, the weakest first."""
    counted, killed = (
        sum(each.counted for each in reports),
        sum(each.counted - len(each.survivors) for each in reports),
    )
    rows = [
        f"{each.percent:6.1f} %  {each.listed.path}{'' if each.is_enough else f'  below {WANTED_PERCENT} %'}"
        for each in sorted(reports, key=lambda each: each.percent)
    ]
    whole = f"{killed} of {counted} mutants killed in {seconds:.0f} seconds"
    return "\n".join(["", *rows, whole])
