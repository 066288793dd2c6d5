"""Dictionaries from files of the user, and the codes of adverse events in them (SAF-10). TEST is invented."""

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.test import override_settings
from django.urls import reverse

from audit.context import acting
from protocol.checking.loading import load
from safety.dictionaries.coding import CodingState, code_event, coded_events
from safety.dictionaries.files import DictionaryRefused, ctcae, meddra
from safety.dictionaries.loading import dictionary_of, found, load_dictionary, own_version
from safety.dictionaries.models import Dictionary, DictionaryTerm, EventCoding
from tests.support import build
from tests.support.study.refusals import refused

pytestmark = pytest.mark.django_db

SOC = "900$Invented class$INV$\n"
PT = "100$Invented fever$$900$\n101$Invented cough$$900$\n"
LLT = (
    "100$Invented fever$100$$$$$$$Y$$\n"
    "110$Invented high temperature$100$$$$$$$Y$$\n"
    "101$Invented cough$101$$$$$$$Y$$\n"
    "111$Invented barking$101$$$$$$$N$$\n"
)
CSV = (
    "MedDRA Code,MedDRA SOC,CTCAE Term,Grade 1,Grade 2,Grade 3,Grade 4,Grade 5\n"
    "100,Invented class,Invented fever,mild,-,severe,,death\n"
)


def release(folder, llt: str = LLT):
    inner = folder / "MedAscii"
    inner.mkdir(parents=True, exist_ok=True)
    for name, text in (("soc.asc", SOC), ("PT.asc", PT), ("llt.asc", llt)):
        (inner / name).write_text(text, encoding="utf-8")
    return folder


def loaded(folder, version: str = "TEST", llt: str = LLT) -> Dictionary:
    with acting(system="test"):
        return load_dictionary(kind="meddra", version=version, release=meddra(release(folder, llt)))[0]


@pytest.fixture
def pinned(trial, monkeypatch):
    """The trial names MedDRA TEST; returns a function that names another release."""

    def name(version: str) -> None:
        safety = trial.rules.safety.model_copy(update={"meddra": version})
        monkeypatch.setitem(trial.rules.__dict__, "safety", safety)

    name("TEST")
    return name


class TestFiles:
    def test_a_release_of_meddra_has_its_terms_with_class_and_currency(self, tmp_path):
        terms = {term.code: term for term in meddra(release(tmp_path)).terms}
        assert (terms["110"].preferred, terms["110"].organ_class) == ("Invented fever", "Invented class")
        assert [code for code, term in terms.items() if not term.is_current] == ["111"]

    def test_ctcae_has_the_grades_that_exist(self, tmp_path):
        (tmp_path / "all.csv").write_text(CSV, encoding="utf-8")
        (term,) = ctcae(tmp_path / "all.csv").terms
        assert (term.code, term.name, term.organ_class, term.grades) == (
            "100", "Invented fever", "Invented class", "135",
        )  # fmt: skip

    @pytest.mark.parametrize(
        ("change", "sentence"),
        [
            (("llt.asc", None), "has no file llt.asc"),
            (("llt.asc", "100$short\n"), "llt.asc, line 1: a line of a MedDRA release has more fields."),
            (("llt.asc", "100$x$999$$$$$$$Y$$\n"), "the preferred term 999 is not in pt.asc"),
            (("llt.asc", "\n"), "has no terms"),
        ],
    )
    def test_files_that_are_no_release_are_refused(self, tmp_path, change, sentence):
        name, text = change
        file = release(tmp_path) / "MedAscii" / name
        file.unlink() if text is None else file.write_text(text, encoding="utf-8")
        with pytest.raises(DictionaryRefused, match=sentence):
            meddra(tmp_path)

    @pytest.mark.parametrize(("length", "stored"), [(64, True), (250, True), (251, False)])
    def test_a_term_without_a_code_has_its_name_as_code_however_long_the_columns_hold(
        self, tmp_path, length, stored
    ):
        """SAF-10: SQLite does not mind a text that is too long for its column, PostgreSQL does."""
        name = "x" * length
        (tmp_path / "all.csv").write_text(
            CSV.replace("100,", ",").replace("Invented fever", name), encoding="utf-8"
        )
        if not stored:
            with pytest.raises(DictionaryRefused, match="has more than 250 characters"):
                ctcae(tmp_path / "all.csv")
            return
        with acting(system="test"):
            load_dictionary(kind="ctcae", version="5.0", release=ctcae(tmp_path / "all.csv"))
        assert DictionaryTerm.objects.get().code == name

    def test_a_csv_without_its_columns_is_refused(self, tmp_path):
        (tmp_path / "part.csv").write_text("CTCAE Term,Grade 1\nFever,x\n", encoding="utf-8")
        with pytest.raises(DictionaryRefused, match="has no column “meddra soc”"):
            ctcae(tmp_path / "part.csv")
        with pytest.raises(DictionaryRefused, match="does not exist"):
            ctcae(tmp_path / "none.csv")


class TestLoading:
    def test_the_command_stores_a_release_once(self, tmp_path, capsys):
        arguments = ("load_dictionary", "meddra", "--version", "TEST", str(release(tmp_path)))
        call_command(*arguments)
        call_command(*arguments)
        told = capsys.readouterr().out
        assert "MedDRA TEST: 4 terms stored" in told
        assert "MedDRA TEST: 4 terms is loaded already" in told
        assert (Dictionary.objects.count(), DictionaryTerm.objects.count()) == (1, 4)

    def test_the_command_tells_what_is_wrong_and_stores_nothing(self, tmp_path):
        with pytest.raises(CommandError, match="Nothing was stored"):
            call_command("load_dictionary", "ctcae", "--version", "5.0", str(tmp_path / "none.csv"))
        assert not Dictionary.objects.exists()

    def test_a_release_never_changes(self, tmp_path):
        loaded(tmp_path)
        with pytest.raises(ValidationError, match="a release never changes"):
            loaded(tmp_path, llt=LLT.replace("barking", "whistling"))

    def test_production_refuses_the_invented_dictionary(self, tmp_path):
        with (
            override_settings(PRODUCTION=True),
            pytest.raises(ValidationError, match="production refuses it"),
        ):
            loaded(tmp_path)

    def test_the_protocol_file_pins_the_release(self, trial, tmp_path, pinned):
        assert dictionary_of(trial.rules) is None
        assert dictionary_of(trial.rules) != loaded(tmp_path, "OTHER")
        assert dictionary_of(trial.rules) is None
        made = loaded(tmp_path)
        assert dictionary_of(trial.rules) == made
        text = build.protocol_text(build.LIEGE).replace("[safety]", '[safety]\nmeddra = "27.1"')
        assert load(text).safety.meddra == "27.1"

    def test_a_search_finds_current_terms_by_any_part(self, tmp_path):
        made = loaded(tmp_path)
        assert [term.code for term in found(made, "invented")] == ["101", "100", "110"]
        assert [term.code for term in found(made, "HIGH temp")] == ["110"]
        assert list(found(made, "barking")) == []
        assert list(found(made, " ")) == []


class TestCoding:
    @pytest.fixture
    def event(self, patient, doctor):
        return build.event(patient=patient, by=doctor)

    @pytest.fixture
    def dictionary(self, tmp_path, pinned):
        return loaded(tmp_path)

    def coded(self, event, dictionary, code: str = "110", **told):
        term = DictionaryTerm.objects.get(dictionary=dictionary, code=code)
        by = build.user("data_manager", trial=event.patient.trial)
        with acting(user=by, role="data_manager", origin="web"):
            return code_event(event=event, term=term, by=by, **{"words": event.term, **told})

    def state(self, event, dictionary) -> CodingState:
        event.refresh_from_db()
        return coded_events([event], dictionary)[0].state

    def test_the_words_of_the_reporter_stay(self, event, dictionary):
        words = event.term
        made = self.coded(event, dictionary)
        event.refresh_from_db()
        assert (event.term, made.name, made.preferred) == (
            words,
            "Invented high temperature",
            "Invented fever",
        )
        assert self.state(event, dictionary) == CodingState.CODED

    def test_another_code_needs_a_reason_and_stays_in_the_trail(self, event, dictionary):
        self.coded(event, dictionary)
        assert "reason" in refused(self.coded, event, dictionary, "101")
        self.coded(event, dictionary, "101", reason="The cough came first")
        rows = EventCoding.objects.get().history.order_by("history_id")
        assert [(row.code, row.history_change_reason) for row in rows][1] == ("101", "The cough came first")

    @pytest.mark.parametrize("told", [{"words": "Other words"}, {"code": "111"}])
    def test_a_refused_code_stores_nothing(self, event, dictionary, told):
        assert refused(self.coded, event, dictionary, **told)
        assert not EventCoding.objects.exists()

    def test_after_an_upgrade_terms_that_no_longer_exist_are_listed(
        self, event, dictionary, pinned, tmp_path, web
    ):
        self.coded(event, dictionary)
        pinned("TEST2")
        newer = loaded(tmp_path, "TEST2")
        assert self.state(event, newer) == CodingState.OLDER
        pinned("TEST3")
        last = loaded(tmp_path, "TEST3", LLT.replace("110$", "112$"))
        assert self.state(event, last) == CodingState.GONE
        listing = web.get(reverse("safety:coding", args=[event.trial.slug], query={"state": "gone"}))
        assert [row.pk for row in listing.context["listing"].objects] == [event.pk]
        for state in ("uncoded", "older", "coded", "words_changed"):
            page = web.get(reverse("safety:coding", args=[event.trial.slug], query={"state": state}))
            assert page.context["listing"].objects == []


class TestOwnList:
    """In training the own list of terms stands for CTCAE, until the full CTCAE is loaded beside it (SAF-10)."""

    OWN = CSV.replace("100,", ",") + ",Invented class,Invented wart,mild,,,,\n"

    def of_csv(self, folder, text: str, kind: str, version: str) -> Dictionary:
        path = folder / f"{kind}.csv"
        path.write_text(text, encoding="utf-8")
        with acting(system="test"):
            return load_dictionary(kind=kind, version=version, release=ctcae(path))[0]

    def own(self, folder) -> Dictionary:
        return self.of_csv(folder, self.OWN, "own", own_version("5.0"))

    def test_the_full_release_is_loaded_beside_the_own_list_and_stands_first(self, trial, tmp_path):
        own = self.own(tmp_path)
        assert (dictionary_of(trial.rules), str(own)) == (own, "Own list of terms 1 for CTCAE 5.0")
        full = self.of_csv(tmp_path, CSV, "ctcae", "5.0")
        assert dictionary_of(trial.rules) == full
        assert Dictionary.objects.count() == 2

    def test_it_does_not_stand_for_a_release_of_meddra(self, trial, tmp_path, pinned):
        self.own(tmp_path)
        assert dictionary_of(trial.rules) is None

    @pytest.mark.parametrize(
        ("name", "state"), [("Invented fever", CodingState.OLDER), ("Invented wart", CodingState.GONE)]
    )
    def test_after_the_full_release_its_codes_are_listed(
        self, patient, doctor, manager, tmp_path, name, state
    ):
        """A term of the own list has no code: it still exists if the release has a term of that name."""
        event, own = build.event(patient=patient, by=doctor), self.own(tmp_path)
        term = DictionaryTerm.objects.get(dictionary=own, name=name)
        with acting(user=manager, role="data_manager", origin="web"):
            code_event(event=event, term=term, words=event.term, by=manager)
        full = self.of_csv(tmp_path, CSV, "ctcae", "5.0")
        assert coded_events([event], full)[0].state == state
        desk, address = build.client(manager), reverse("safety:coding", args=[patient.trial.slug])
        for each in CodingState:
            rows = desk.get(address, {"state": each.value}).context["listing"].objects
            assert bool(rows) is (each == state), each


class TestPages:
    @pytest.fixture
    def event(self, patient, doctor):
        return build.event(patient=patient, by=doctor)

    def address(self, event) -> str:
        return reverse("safety:code-event", args=[event.trial.slug, event.patient.code, event.number])

    def test_a_data_manager_searches_and_codes(self, event, manager, tmp_path, pinned):
        loaded(tmp_path)
        desk = build.client(manager)
        shown = desk.get(self.address(event), {"search": "temperature"})
        assert [term.code for term in shown.context["terms"]] == ["110"]
        part = desk.get(self.address(event), {"search": "cough"}, headers={"HX-Request": "true"})
        assert part.content.decode().strip().startswith('<div id="terms"')
        done = desk.post(self.address(event), {"code": "110", "words": event.term})
        assert done.status_code == 302
        assert EventCoding.objects.get().code == "110"
        again = desk.post(self.address(event), {"code": "101", "words": event.term})
        assert (again.status_code, again.context["form"].errors["reason"]) == (
            422,
            ["This field is required."],
        )

    def test_a_code_that_is_not_offered_is_refused(self, event, manager, tmp_path, pinned):
        loaded(tmp_path)
        answer = build.client(manager).post(self.address(event), {"code": "999", "words": event.term})
        assert (answer.status_code, EventCoding.objects.count()) == (422, 0)

    def test_without_the_release_the_pages_say_what_to_do(self, event, manager, pinned):
        desk = build.client(manager)
        for address in (self.address(event), reverse("safety:coding", args=[event.trial.slug])):
            assert "MedDRA TEST is not loaded" in desk.get(address).content.decode()

    def test_only_a_data_manager_codes(self, event, web, tmp_path, pinned):
        loaded(tmp_path)
        assert "Choose a term" not in web.get(self.address(event)).content.decode()
        assert web.post(self.address(event), {"code": "110", "words": event.term}).status_code == 403
