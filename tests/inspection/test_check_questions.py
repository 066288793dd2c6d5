"""Questions of inspectors about edit checks and queries, on the page and against protocol file and database."""

import csv
import hashlib

import pytest

from audit.context import acting
from exports.paper.audience import Audience
from exports.paper.crf import form_parts
from exports.paper.patient import PatientPaper
from patients.models import Query
from patients.queries.threads import answer_query, raise_query
from protocol.checking.check_digests import check_digest
from tests.support import build
from tests.support.pages.inspecting import InspectorAtScreen
from tests.validation import checks as tested
from tests.validation import files
from tests.validation.test_pack import case, junit

pytestmark = pytest.mark.django_db
DECIDES = "tests.protocol.test_shipped_checks.test_a_check_fires_when_and_only_when_it_should"
HOLDS = "tests.protocol.test_shipped_checks.test_a_missing_value_never_turns_a_check_round"


def checks_of(rules):
    return [(form, check) for form in rules.forms.values() for check in form.checks]


def at_the_checks(trial):
    inspector = InspectorAtScreen(trial)
    inspector.follow("Protocol")
    inspector.follow("Edit checks")
    return inspector


def pack(folder, cases):
    """Write the edit checks of a validation pack from the results of these cases, with its list of hashes."""
    files._table(folder / "checks.csv", tested.COLUMNS, tested.lines([junit(folder, cases)]))
    (folder / "versions.csv").write_text("part,version,remark\ncommit,abc1234,\n", encoding="utf-8")
    (folder / "sqlite.xml").unlink()
    files.write_checksums(folder)


def test_which_edit_checks_exist_with_severity_and_wording(trial):
    """Question 18: every check of the version in force, in its words. DAT-03."""
    inspector = at_the_checks(trial)
    shown = {(line.id, line.wording) for line in inspector.page.context["listing"].passing}
    stored = {(check.id, check.message.in_language("en")) for _form, check in checks_of(trial.rules)}

    assert shown == stored
    assert len(stored) > 20
    for form, check in checks_of(trial.rules):
        severity = {"hard": "Hard:", "soft": "Soft:", "notice": "Notice:"}[check.severity]
        line = next(each for each in inspector.page.context["listing"].passing if each.id == check.id)
        assert str(line.severity).startswith(severity), check.id
        assert line.form == form.title.in_language("en")
        assert check.message.in_language("en") in inspector.text
    assert inspector.clicks <= 3


def test_the_annotated_crf_prints_the_severity_of_each_check(trial):
    """Question 18, on paper. DAT-03."""
    printed = {check[0] for part in form_parts(trial.rules, "en", annotated=True) for check in part["checks"]}
    assert printed == {f"{check.id} ({check.severity})" for _form, check in checks_of(trial.rules)}


def test_how_was_each_check_tested_and_with_which_result(trial, settings, tmp_path):
    """Question 19: test, outcome and number of cases, as the validation pack says. DAT-03, VAL-01."""
    (_form, first), (_other, second) = checks_of(trial.rules)[:2]
    settings.VALIDATION_PACK = tmp_path
    pack(
        tmp_path,
        case(DECIDES, parameter=f"[{trial.slug}-form_code-{first.id}-answers0-True]")
        + case(DECIDES, parameter=f"[{trial.slug}-form_code-{first.id}-answers1-False]")
        + case(HOLDS, inside="<failure/>", parameter=f"[{trial.slug}-{second.id}]"),
    )
    inspector = at_the_checks(trial)
    lines = {line.id: line.tests for line in inspector.page.context["listing"].passing}
    with (tmp_path / "checks.csv").open(encoding="utf-8") as written:
        rows = [row for row in csv.DictReader(written) if row["protocol"] == trial.slug]

    assert [(each.test, str(words), each.cases) for each, words, _tone in lines[first.id]] == [
        (DECIDES, "Passed", 2)
    ]
    assert [(each.test, str(words)) for each, words, _tone in lines[second.id]] == [(HOLDS, "Failed")]
    assert {row["check"] for row in rows} == set(lines)
    assert {row["check"] for row in rows if not row["test"]} == {
        key for key, tests in lines.items() if not tests
    }
    assert "Results of the validation pack of commit abc1234." in inspector.text
    untested = [line for line in inspector.page.context["listing"].passing if line.tests == []]
    assert len(untested) == len(lines) - 2
    assert inspector.clicks <= 3


def test_the_page_says_that_no_pack_is_held_and_how_one_is_added(trial, settings, tmp_path):
    """VAL-01: no result is claimed."""
    settings.VALIDATION_PACK = tmp_path / "none"
    inspector = at_the_checks(trial)
    assert "This installation holds no validation pack" in inspector.text
    assert "STROMA_VALIDATION_PACK" in inspector.text
    assert all(line.tests is None for line in inspector.page.context["listing"].passing)


def test_results_that_were_altered_are_told(trial, settings, tmp_path):
    """The hash that the pack lists is compared."""
    settings.VALIDATION_PACK = tmp_path
    pack(tmp_path, case(DECIDES))
    file = tmp_path / "checks.csv"
    file.write_text(file.read_text(encoding="utf-8").replace("not run", "passed"), encoding="utf-8")
    assert hashlib.sha256(file.read_bytes()).hexdigest() not in (tmp_path / "SHA256SUMS").read_text()
    assert "The results below are not those of the pack" in at_the_checks(trial).text


def test_a_check_that_an_amendment_changed_is_not_called_tested(trial, settings, tmp_path):
    """The tests of another condition say nothing of this one; a new wording changes nothing."""
    form, check = checks_of(trial.rules)[0]
    changed = check.model_copy(update={"severity": "notice" if check.severity != "notice" else "soft"})
    reworded = check.model_copy(update={"message": form.title})
    assert check_digest(form, changed) != check_digest(form, check)
    assert check_digest(form, reworded) == check_digest(form, check)


def test_another_version_than_those_of_the_trial_is_not_found(trial):
    browser = build.client(build.user("inspector", trial=trial))
    assert browser.get(f"/trials/{trial.slug}/edit-checks/99/").status_code == 404


# PostgreSQL dates the trail by its own clock, which no test sets.
@pytest.mark.one_engine
def test_are_query_texts_leading(trial):
    """Question 27: list and paper show the text of each query, who raised it and its thread. AUD-09."""
    patient = build.patient(trial=trial)
    build.consent(patient)
    nurse = build.user("coordinator", trial=trial, full_name="Ada Peeters")
    monitor = build.user("monitor", trial=trial, full_name="Max Monitor")
    record = build.record(patient, "vitals", {"temp": "41.5", "hr": "80"}, draft=True, by=nurse)
    with acting(user=monitor, role="monitor", origin="web"):
        asked = raise_query(
            record=record,
            item="hr",
            text="Should this not be 88?",
            origin="monitor",
            by=monitor,
            role="monitor",
        )
    with acting(user=nurse, role="coordinator", origin="web"):
        answer_query(query=asked, text="No, 80 as in the chart.", by=nurse, role="coordinator")
    inspector = InspectorAtScreen(trial)
    inspector.follow("Queries")
    listed = {row.object.pk: row.object.text for row in inspector.page.context["listing"].rows}
    (query,) = (row for row in Query.objects.filter(origin="monitor"))
    (visit,) = PatientPaper(patient, Audience.nobody(trial)).content()["visits"]
    printed = {part["text"]: part for form in visit["forms"] for part in form["queries"]}
    text = inspector.text
    inspector.page = inspector.browser.get(inspector.page.request["PATH_INFO"], {"origin": "person"})
    by_people = [row.object.pk for row in inspector.page.context["listing"].rows]

    assert listed == dict(Query.objects.values_list("pk", "text"))
    assert printed.keys() == set(Query.objects.values_list("text", flat=True))
    assert (printed[query.text]["by"], printed[query.text]["thread"][-1]["text"]) == (
        "Max Monitor",
        "No, 80 as in the chart.",
    )
    assert "Monitor, Max Monitor" in text
    assert "Ada Peeters" in text.split("Should this not be 88?")[1]
    assert "No, 80 as in the chart." in text
    assert by_people == [query.pk]
    assert Query.objects.filter(origin="check").exists()
    assert inspector.clicks <= 3


def test_the_checks_are_filtered_and_sent_as_csv(trial, settings, tmp_path):
    """Question 18 and 19 of one form, one severity, one result, as any other listing. DAT-03."""
    (form, first), (_other, second) = checks_of(trial.rules)[:2]
    settings.VALIDATION_PACK = tmp_path
    pack(
        tmp_path,
        case(DECIDES, parameter=f"[{trial.slug}-form_code-{first.id}-answers0-True]")
        + case(HOLDS, inside="<failure/>", parameter=f"[{trial.slug}-{second.id}]"),
    )
    inspector = at_the_checks(trial)
    page = inspector.page.request["PATH_INFO"]

    def lines(**filters):
        return [line.id for line in inspector.browser.get(page, filters).context["listing"].passing]

    every = checks_of(trial.rules)
    assert lines(form_code=form.code) == [check.id for own, check in every if own is form]
    assert lines(severity="hard") == [check.id for _form, check in every if check.severity == "hard"]
    assert (lines(result="passed"), lines(result="failed")) == ([first.id], [second.id])
    assert len(lines(result="untested")) == len(every) - 2
    assert lines(text=first.id.lower()) == [first.id]
    sent = b"".join(inspector.browser.get(page, {"format": "csv"}).streaming_content).decode("utf-8-sig")
    rows = list(csv.DictReader(sent.splitlines()))
    assert [row["check"] for row in rows] == [check.id for _form, check in every]
    assert rows[0]["tests"] == f"{DECIDES}: passed (1)"
    assert inspector.browser.get(page, {"severity": "fierce"}).status_code == 400
