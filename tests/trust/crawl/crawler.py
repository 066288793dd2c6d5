"""Ask for every address as every person, for an own object, another trial's and none, and say what is wrong."""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

import time_machine
from django.utils import timezone

from tests.trust.crawl import rights, study
from tests.trust.crawl.addresses import TRIAL, Address, addresses
from tests.trust.crawl.people import Person, people
from tests.trust.crawl.places import FILLERS, Values, owned
from tests.trust.crawl.requests import Answer, ask
from trials.models import Trial

METHODS = ("get", "post")
SIGN_IN = ("/accounts/login/", "/accounts/factors/")
REFUSED = {403, 404, 405}
SLUG = "trials:slug"
# Wrong input, and a change that meets that of another person.
MISTAKEN = frozenset({400, 409, 422})


@dataclass(frozen=True)
class Pair:
    """The same address for an object of the other trial and for one that does not exist."""

    about: str
    other: dict[str, Values]
    none: dict[str, Values]


@dataclass
class Crawl:
    """The crawl from one trial.

    share: how much of it is tried, chosen by the seed. own_values: how many objects of the own trial. only: shapes of
    the addresses inside the trial that are tried, all if empty.
    """

    home: Trial
    other: Trial
    share: float = 1.0
    own_values: int = 1
    seed: int = 1
    only: frozenset[str] = frozenset()
    counts: Counter[str] = field(default_factory=Counter)
    findings: dict[str, list[str]] = field(default_factory=dict)

    def run(self) -> None:
        """Try everything; the findings are kept by kind. The clock is stopped: sessions do not end meanwhile."""
        with time_machine.travel(timezone.now(), tick=False):
            self._run()

    def _run(self) -> None:
        self.chance = random.Random(self.seed)
        self.words = {trial.slug: _words_of(trial) for trial in (self.home, self.other)}
        self.with_secret = ""
        known = addresses()
        self._unfilled(known)
        crowd = list(people(self.home, self.other))
        self.counts["addresses"], self.counts["people"] = len(known), len(crowd)
        for address in known:
            if address.shape.startswith(TRIAL):
                self._trial_address(address, crowd)
        if not self.only:
            self._own_addresses(known, crowd)

    def wrong(self, kind: str, about: str) -> None:
        """Keep a finding."""
        self.findings.setdefault(kind, []).append(about)

    def _unfilled(self, known: list[Address]) -> None:
        """An address that is not stated or cannot be filled is a finding, and so is a statement without an address."""
        stated = {TRIAL + shape for shape in rights.RIGHTS} | rights.OPEN | rights.OWN
        shapes = {address.shape for address in known}
        for shape in shapes - stated:
            self.wrong("unstated", shape)
        for shape in stated - shapes:
            self.wrong("unstated", f"{shape} is stated, and does not exist")
        for address in known:
            for group in address.groups:
                if address.shape.startswith(TRIAL) and (
                    group not in FILLERS or not list(islice(FILLERS[group][0](self.home), 1))
                ):
                    self.wrong("unfilled", f"{address.route}: {group}")

    def _trial_address(self, address: Address, crowd: list[Person]) -> None:
        shape = address.shape.removeprefix(TRIAL)
        if shape not in rights.RIGHTS or any(group not in FILLERS for group in address.groups):
            return
        if self.only and shape not in self.only:
            return
        own, pairs = list(self._own(address)), list(self._pairs(address))
        for person in crowd:
            for method in METHODS:
                for values in own:
                    if self._is_tried():
                        self._own_object(address, shape, person, method, values)
                for pair in pairs:
                    if self._is_tried():
                        self._foreign_object(address, shape, person, method, pair)

    def _is_tried(self) -> bool:
        return self.share >= 1 or self.chance.random() < self.share

    def _own(self, address: Address) -> Iterator[dict[str, Values]]:
        """Yield values of the own trial; the last run of parameters takes several values in turn."""
        first = {group: next(FILLERS[group][0](self.home)) for group in address.groups}
        last = address.groups[-1]
        for values in islice(dict.fromkeys(FILLERS[last][0](self.home)), self.own_values):
            yield first | {last: values}

    def _pairs(self, address: Address) -> Iterator[Pair]:
        """Yield what is compared: each run of parameters alone, all of them, and the other trial's own address."""
        own = {group: next(FILLERS[group][0](self.home)) for group in address.groups}
        inner = [group for group in address.groups if group != SLUG]
        everything: dict[str, Values] = {}
        for group in inner:
            mine, absent = set(FILLERS[group][0](self.home)), FILLERS[group][1]
            theirs = list(FILLERS[group][0](self.other))
            # A visit or an infusion may have the same name in both trials: then it is taken together with its patient.
            everything[group] = next((value for value in theirs if value not in mine), theirs[0])
            if everything[group] not in mine:
                yield Pair(group, own | {group: everything[group]}, own | {group: absent})
        nothing = {group: FILLERS[group][1] for group in inner}
        if any(value not in set(FILLERS[group][0](self.home)) for group, value in everything.items()):
            yield Pair("all", own | everything, own | nothing)
        theirs_first = {group: next(FILLERS[group][0](self.other)) for group in inner}
        yield Pair(
            "the other trial", theirs_first | {SLUG: (self.other.slug,)}, nothing | {SLUG: FILLERS[SLUG][1]}
        )

    def _own_object(
        self, address: Address, shape: str, person: Person, method: str, values: dict[str, Values]
    ) -> None:
        path = address.path(values)
        answer = self._asked(method, path, person)
        about = f"{person.name}: {method.upper()} {path} → {answer.status}"
        wanted = self._wanted(shape, person, method)
        if wanted is None:
            is_answered = answer.status == 404 and shape in rights.NAMED_IN_THE_FORM
            if (answer.status in REFUSED and not is_answered) or _is_sent_to_sign_in(answer):
                self.wrong("refused_all_the_same", about)
            if method == "get" and answer.written:
                self.wrong("written", f"{about}, a look that wrote to {sorted(answer.written)}")
        elif not _is_refused_as(answer, wanted):
            self.wrong("without_a_right", f"{about}, not {wanted}")

    def _foreign_object(self, address: Address, shape: str, person: Person, method: str, pair: Pair) -> None:
        is_elsewhere = pair.about == "the other trial"
        if is_elsewhere and self.other.slug in person.words:
            # A person of the other trial may open it there.
            return
        paths = address.path(pair.other), address.path(pair.none)
        answers = [self._asked(method, path, person) for path in paths]
        about = f"{person.name}: {method.upper()} {paths[0]} → {answers[0].status}"
        if _differ(*answers, *paths):
            self.wrong("existence_told", f"{about}, {paths[1]} → {answers[1].status}")
        if answers[0].status < 400 and not _is_sent_to_sign_in(answers[0]):
            self.wrong("without_a_right", about)
        if is_elsewhere and person.role is not None and answers[0].status != 404:
            self.wrong("without_a_right", f"{about}, not 404")

    def _own_addresses(self, known: list[Address], crowd: list[Person]) -> None:
        """Try the addresses outside the trials, with what belongs to one person."""
        holder = study.owner(self.home)
        secret = study.secret_of(holder)
        things, self.with_secret = owned(holder, secret), f"/accounts/key/{secret}/"
        for address in known:
            if address.shape.startswith(TRIAL) or address.shape not in rights.OPEN | rights.OWN:
                continue
            if any(group not in things for group in address.groups):
                self.wrong("unfilled", address.route)
                continue
            theirs, nothing = ({group: things[group][side] for group in address.groups} for side in (0, 1))
            for person in crowd:
                for method in METHODS:
                    if self._is_tried():
                        self._own_address(address, person, method, theirs, nothing)

    def _own_address(
        self,
        address: Address,
        person: Person,
        method: str,
        theirs: dict[str, Values],
        nothing: dict[str, Values],
    ) -> None:
        path, absent = address.path(theirs), address.path(nothing)
        answer = self._asked(method, path, person)
        about = f"{person.name}: {method.upper()} {path} → {answer.status}"
        if method == "get" and answer.written:
            self.wrong("written", f"{about}, a look that wrote to {sorted(answer.written)}")
        if address.shape in rights.OPEN:
            return
        if person.role is None and not _is_sent_to_sign_in(answer) and answer.status not in REFUSED:
            self.wrong("without_a_right", about)
        if address.groups:
            twin = self._asked(method, absent, person)
            if _differ(answer, twin, path, absent):
                self.wrong("existence_told", f"{about}, {absent} → {twin.status}")
        # 404: the person has no such factor.
        elif person.role is not None and answer.status == 403:
            self.wrong("refused_all_the_same", about)

    def _wanted(self, shape: str, person: Person, method: str) -> int | None:
        """Return the status of the refusal that is due; None if the person has the right. 302: to sign in."""
        if person.role is None:
            return 302
        if not person.role:
            return 404
        if not rights.offered(shape, method):
            return 405
        if rights.may(person.role, shape, method, masked=self.home.masked):
            return 404 if self.home.masked and shape in rights.OPEN_TRIAL_ONLY else None
        return 404 if shape in rights.HIDDEN else 403

    def _asked(self, method: str, path: str, person: Person) -> Answer:
        """Ask, and look for what no answer may be."""
        answer = ask(method, path, person.session)
        about = f"{person.name}: {method.upper()} {path} → {answer.status}"
        self.counts["requests"] += 1
        self.counts["refused"] += answer.status in REFUSED or _is_sent_to_sign_in(answer)
        if answer.status >= 500:
            self.wrong("server_errors", about)
        # A page whose input is wrong keeps what was typed, as a draft of its author.
        kept = {"patients_draft"} if answer.status in MISTAKEN else set()
        if answer.written - kept and (answer.status >= 400 or _is_sent_to_sign_in(answer)):
            self.wrong("written", f"{about}, wrote to {sorted(answer.written)}")
        self._other_words(answer, path, person, about)
        return answer

    def _other_words(self, answer: Answer, path: str, person: Person, about: str) -> None:
        if path == self.with_secret:
            # Who holds the secret of a link may read whose it is.
            return
        _status, leads_to, body = answer.without(path, *filter(None, path.split("/")))
        text = f"{leads_to} {body}".lower()
        for slug, words in self.words.items():
            if slug not in person.words and (told := sorted(word for word in words if word in text)):
                self.wrong("told_of_another_trial", f"{about}: {told}")


def _is_refused_as(answer: Answer, wanted: int) -> bool:
    if wanted == 302:
        return _is_sent_to_sign_in(answer)
    return answer.status == wanted


def _is_sent_to_sign_in(answer: Answer) -> bool:
    return answer.status == 302 and answer.leads_to.startswith(SIGN_IN[0])


def _differ(answer: Answer, twin: Answer, *paths: str) -> bool:
    """Return True if two answers differ in more than the words of their addresses."""
    words = {*paths, *(word for path in paths for word in path.split("/") if word)}
    return answer.without(*words) != twin.without(*words)


def _words_of(trial: Trial) -> set[str]:
    """Return words that nobody outside a trial may read."""
    title = trial.rules.trial.title.in_language("en").lower()
    return {trial.slug, study.mark(trial).lower(), title, *(code.lower() for code in _codes(trial))}


def _codes(trial: Trial) -> list[str]:
    return list(trial.patients.values_list("code", flat=True))
