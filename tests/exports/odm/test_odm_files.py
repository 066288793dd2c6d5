"""ODM files of both shipped trials: valid, consistent, and the same data whether as a snapshot or as transactions."""

from collections.abc import Iterator

import pytest
from django.db import transaction
from lxml import etree

from audit.models import Signature
from audit.trail import history_model
from patients.models import Query, Record
from tests.exports.odm.checking import problems
from tests.exports.odm.files import SCHEMAS, odm
from tests.exports.odm.reading import NS, state_of
from tests.support import build
from tests.support.oracles import schema_errors
from tests.support.study import every_state
from trials.models import Trial

pytestmark = [pytest.mark.django_db, pytest.mark.one_engine]
SLUGS = [build.LIEGE, build.COVID_MSV]


@pytest.fixture(scope="module")
def trials(django_db_setup, django_db_blocker) -> Iterator[dict[str, Trial]]:
    """Both trials with patients in every state, made once."""
    with django_db_blocker.unblock(), transaction.atomic():
        made, _people = every_state.trials()
        yield {trial.slug: trial for trial in made}
        transaction.set_rollback(True)


@pytest.mark.parametrize("code", SCHEMAS)
@pytest.mark.parametrize("slug", SLUGS)
def test_a_file_is_valid_by_the_schema_of_the_standard(trials, slug, code):
    """P11-02: CDISC ODM 1.3.2 and 2.0, for readers with and without the treatment."""
    for sees in (True, False):
        assert schema_errors(odm(trials[slug], code, sees_treatment=sees), SCHEMAS[code]) == []


@pytest.mark.parametrize("code", ["odm", "odm-transactions"])
@pytest.mark.parametrize("slug", SLUGS)
def test_every_value_fits_its_definition_and_every_reference_leads_somewhere(trials, slug, code):
    """P11-02: what the schema does not see: dates that exist, lengths, codes, keys, references."""
    for sees in (True, False):
        assert problems(odm(trials[slug], code, sees_treatment=sees)) == []


@pytest.mark.parametrize("slug", SLUGS)
def test_the_transactions_applied_in_their_order_give_the_snapshot(trials, slug):
    """P11-02, AUD-02: the history explains every value, query and signature."""
    for sees in (True, False):
        now, replayed = (
            state_of(odm(trials[slug], code, sees_treatment=sees, sees_files=sees))
            for code in ("odm", "odm-transactions")
        )
        assert replayed.items == now.items
        assert replayed.forms == now.forms
        assert replayed.queries == now.queries
        assert replayed.in_force() == now.in_force()
        assert len(now.items) > 2000
        assert len(now.queries) >= 3


@pytest.mark.parametrize("slug", SLUGS)
def test_every_change_says_who_where_when_and_why(trials, slug):
    """AUD-02: each inserted, changed or removed item has an audit record that names its entry of the trail."""
    root = etree.fromstring(odm(trials[slug], "odm-transactions"))
    changed = [item for item in root.iter(f"{NS}ItemData") if item.get("TransactionType") != "Context"]
    assert len(changed) > 2000
    for item in changed:
        audit = item.find(f"{NS}AuditRecord")
        assert audit is not None
        assert [each.tag.removeprefix(NS) for each in audit if each.tag != f"{NS}ReasonForChange"] == [
            "UserRef", "LocationRef", "DateTimeStamp", "SourceID",
        ]  # fmt: skip
    named = {each.text.rpartition("/")[0] for each in root.iter(f"{NS}SourceID") if each.text}
    history = history_model(Record)._default_manager.filter(history_trial=trials[slug].pk)
    in_trail = {f"patients.record/{row.id}/{row.history_id}" for row in history}
    assert {each for each in named if each.startswith("patients.record/")} <= in_trail
    firsts = {f"patients.record/{row.id}/{row.history_id}" for row in history if row.history_type == "+"}
    assert firsts <= named


def test_every_form_that_is_stored_is_in_the_snapshot(trials):
    for slug, trial in trials.items():
        root = etree.fromstring(odm(trial))
        forms = [each for each in root.iter(f"{NS}FormData") if "STUDY" not in each.get("FormOID", "")]
        assert len(forms) == Record.objects.filter(patient__trial=trial).count(), slug
        assert (
            len({each.get("SubjectKey") for each in root.iter(f"{NS}SubjectData")}) == trial.patients.count()
        )


def test_a_query_is_an_annotation_with_its_thread_and_flags(trials):
    """QRY: question, answer, status and who raised it."""
    trial = trials[build.LIEGE]
    query = Query.objects.filter(patient__trial=trial, item="weight", state="answered")[0]
    root = etree.fromstring(odm(trial))
    (found,) = [
        each
        for each in root.iter(f"{NS}Annotation")
        if each.get("SeqNum") == str(query.pk + 1)
        and each.getparent().get("ItemOID") == "IT.demography.weight"  # type: ignore[union-attr]
    ]
    text = found.findtext(f"{NS}Comment") or ""
    assert "Is this of the day?" in text
    assert "(coordinator): Yes, at eight" in text
    assert [flag.text for flag in found.iter(f"{NS}FlagValue")] == ["answered", "monitor"]


def test_a_signature_stands_on_what_was_signed(trials):
    """P11-14: user, site, meaning, time, and the hash that binds it."""
    trial = trials[build.LIEGE]
    signature = Signature.objects.filter(trial_id=trial.pk, target_type="patients.eligibilitydecision")[0]
    root = etree.fromstring(odm(trial))
    (found,) = [each for each in root.iter(f"{NS}Signature") if each.get("ID") == f"SG.{signature.pk}"]
    assert found.getparent().get("FormOID") == "FO.STUDY.eligibility"  # type: ignore[union-attr]
    assert found.findtext(f"{NS}CryptoBindingManifest") == signature.manifest_hash
    (meaning,) = found.iter(f"{NS}SignatureRef")
    assert meaning.get("SignatureOID") == f"SD.{signature.meaning}"
