"""Queries, source verification and history of product data: only for who may know the treatment (BLD-01, AUD-09)."""

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.context import acting
from dosing.models import BagMovement, MaskedResult, Preparation, ProductMark, ProductQuery, WorksheetStep
from dosing.models.worksheets import STEP_FACTS
from dosing.product_queries import verification
from dosing.product_queries.kinds import KINDS
from dosing.worksheet.screen import VALUE_TITLES
from exports.tables.product import undone_because, undone_by
from patients.casebook.facts import KINDS as GENERAL
from patients.casebook.facts import Fact
from patients.models import Query
from patients.queries import threads
from patients.review import locks
from tests.support import build
from tests.support.pages.entry_pages import words
from tests.support.study import masked_trial as study
from tests.support.study.bedside import INCLUDED

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day")]


@pytest.fixture
def trial():
    return build.trial(build.COVID_MSV)


@pytest.fixture
def laboratory(trial):
    return build.user("cell_laboratory", trial=trial)


@pytest.fixture
def monitor(trial):
    return build.user("unblinded_monitor", trial=trial)


@pytest.fixture
def ward(trial):
    return build.user("coordinator", trial=trial)


@pytest.fixture
def patient(trial, ward, laboratory):
    found = build.enrolled(trial=trial, on=INCLUDED)
    study.weigh(found, ward)
    study.prepare(found, laboratory)
    study.give(found, ward)
    study.measure(found, ward, laboratory)
    return found


@pytest.fixture
def product(patient) -> Preparation:
    return Preparation.objects.get(patient=patient)


def address(row, item: str, target: str = "preparation") -> str:
    where = [row.patient.trial.slug, row.patient.code, target, row.pk, item]
    return reverse("dosing:product-fact", args=where)


def fact(row, item: str, target: str = "preparation") -> Fact:
    (fresh,) = KINDS[target].rows([row.pk])
    return Fact(KINDS[target], fresh, item)


def asked(row, by, item: str = "lot", target: str = "preparation", text: str = "Which lot?") -> ProductQuery:
    with acting(user=by, role="unblinded_monitor"):
        found = threads.raise_fact_query(
            fact=fact(row, item, target), text=text, origin="monitor", by=by, role="unblinded_monitor"
        )
    assert isinstance(found, ProductQuery)
    return found


def marked(patient, by) -> int:
    rows = verification.blocks(patient)
    seen = verification.seen_in([row.value for row in rows], rows)
    with acting(user=by, role="unblinded_monitor"):
        return verification.verify(patient=patient, seen=seen, by=by, role="unblinded_monitor")


class TestTheThread:
    def test_goes_from_the_bubble_to_the_answer_and_its_closing(self, product, monitor, laboratory):
        """AUD-09: the unblinded monitor asks beside the fact, the laboratory answers, the monitor closes."""
        asking, answering = build.client(monitor), build.client(laboratory)
        page = reverse("dosing:preparation", args=[product.patient.trial.slug, product.patient.code, 1])
        assert address(product, "lot") in asking.get(page).content.decode()
        assert asking.post(address(product, "lot"), {"text": "Which lot?"}).status_code == 302
        query = ProductQuery.objects.get()
        slug = product.patient.trial.slug
        assert "Which lot?" in words(answering.get(reverse("dosing:product-queries", args=[slug])))
        steps = {step: reverse(f"dosing:product-query-{step}", args=[slug, query.pk]) for step in query.steps}
        assert answering.post(steps["answer"], {"text": "As on the label"}).status_code == 302
        assert asking.post(steps["close"], {"text": "Thanks"}).status_code == 302
        assert asking.post(steps["reopen"], {"text": "Look again"}).status_code == 302
        query.refresh_from_db()
        said = [message.text for message in query.messages.all()]
        assert (query.state, said) == ("open", ["Which lot?", "As on the label", "Thanks", "Look again"])
        assert not Query.objects.exists()

    @pytest.mark.parametrize(
        ("target", "model", "item", "shown"),
        [
            ("preparation", Preparation, "viability_percent", "Viability"),
            ("worksheet_step", WorksheetStep, "at", "At"),
            ("bag_movement", BagMovement, "volume_ul", "Volume"),
            ("masked_result", MaskedResult, "value", "Specificities"),
        ],
    )
    def test_is_about_any_row_of_the_product_of_a_patient(self, patient, monitor, target, model, item, shown):
        """CEL-01, BLD-07: products, worksheet steps, movements of bags and masked results."""
        row = model.objects.filter(patient=patient).order_by("-pk").first()
        asked(row, monitor, item, target)
        page = words(build.client(monitor).get(address(row, item, target)))
        assert shown in page
        assert "Which lot?" in page

    def test_a_fact_has_one_open_thread(self, product, monitor):
        """AUD-09."""
        query = asked(product, monitor)
        assert asked(product, monitor) == query
        with pytest.raises(ValidationError, match="open already"):
            asked(product, monitor, text="And the bag?")
        with (
            acting(user=monitor, role="unblinded_monitor"),
            pytest.raises(IntegrityError),
            transaction.atomic(),
        ):
            ProductQuery.objects.create(
                patient=product.patient, target="preparation", target_id=product.pk, item="lot",
                origin="monitor", state="open", text="?", opened_by=monitor,
            )  # fmt: skip

    def test_bad_input_is_refused_beside_the_field_and_stores_nothing(self, product, monitor):
        client = build.client(monitor)
        refused = client.post(address(product, "lot"), {"text": "  "})
        assert refused.status_code == 422
        assert "field is required" in words(refused)
        for wrong in (address(product, "nothing"), address(product, "lot", "consent")):
            assert client.get(wrong).status_code == 404
            assert client.post(wrong, {"text": "?"}).status_code == 404
        assert not ProductQuery.objects.exists()

    def test_another_patients_row_is_not_found(self, product, trial, monitor):
        """ACC-05."""
        other = build.enrolled(trial=trial, on=INCLUDED)
        where = [trial.slug, other.code, "preparation", product.pk, "lot"]
        assert build.client(monitor).get(reverse("dosing:product-fact", args=where)).status_code == 404

    def test_a_movement_of_the_stock_belongs_to_no_patient(self, patient, monitor):
        movement = BagMovement.objects.filter(patient=None).first()
        where = [patient.trial.slug, patient.code, "bag_movement", movement.pk, "kind"]
        assert build.client(monitor).get(reverse("dosing:product-fact", args=where)).status_code == 404

    def test_a_locked_patient_gets_no_query(self, product, monitor, trial):
        """AUD-09."""
        manager = build.user("data_manager", trial=trial)
        with acting(user=manager, role="data_manager"):
            locks.lock(target=product.patient, reason="End", by=manager)
        with pytest.raises(ValidationError, match="locked"):
            asked(product, monitor)


class TestMany:
    def test_one_question_about_several_products(self, product, monitor, trial, ward, laboratory):
        """AUD-09: rows are ticked, shown, confirmed; a second click raises nothing."""
        other = build.enrolled(trial=trial, on=INCLUDED)
        study.weigh(other, ward)
        study.prepare(other, laboratory)
        client = build.client(monitor)
        listing = reverse("dosing:product-verification", args=[trial.slug])
        ask = reverse("dosing:product-queries-ask", args=[trial.slug, "preparation"])
        assert ask in client.get(listing).content.decode()
        keys = list(Preparation.objects.values_list("pk", flat=True))
        sent = {"row": keys, "item": "lot", "text": "Compare it with the label", "confirm": "once"}
        for _click in range(2):
            assert client.post(ask, sent).status_code == 302
        assert ProductQuery.objects.count() == 2

    def test_answered_ones_are_closed_together(self, product, monitor, laboratory, trial):
        query = asked(product, monitor)
        with acting(user=laboratory, role="cell_laboratory"):
            threads.answer_query(query=query, text="Yes", by=laboratory, role="cell_laboratory")
        close = reverse("dosing:product-queries-close", args=[trial.slug])
        client = build.client(monitor)
        assert "Yes" in words(client.get(close, {"query": query.pk}))
        last = query.messages.last().pk
        assert client.post(close, {"query": f"{query.pk}:{last}", "text": "Settled"}).status_code == 302
        query.refresh_from_db()
        assert (query.state, query.closed_because) == ("closed", "Settled")

    def test_the_list_runs_the_same_queries_for_one_and_for_many(self, product, monitor, trial):
        client, url = build.client(monitor), reverse("dosing:product-queries", args=[trial.slug])
        asked(product, monitor)
        numbers = []
        for item in ("bag", "viability_percent"):
            with CaptureQueriesContext(
                connection,
            ) as ran:
                assert client.get(url).status_code == 200
            numbers.append(len(ran))
            asked(product, monitor, item)
        assert numbers[0] == numbers[1]


class TestVerification:
    def test_what_is_ticked_is_marked_and_a_change_undoes_it(self, product, monitor, laboratory):
        """AUD-09: the change of a fact undoes its mark in the same statement, the other marks stay."""
        client, patient = build.client(monitor), product.patient
        page = reverse("dosing:product-verify", args=[patient.trial.slug, patient.code])
        boxes = [row.value for row in verification.blocks(patient)]
        assert boxes[0] in client.get(page).content.decode()
        assert client.post(page, {"fact": boxes}).status_code == 302
        number = ProductMark.objects.valid().count()
        assert number > 8
        assert verification.blocks(patient) == []
        with acting(user=laboratory, role="cell_laboratory", reason="Misread"):
            Preparation.objects.filter(pk=product.pk).update(lot="L-OTHER")
        undone = ProductMark.objects.get(undone_at__isnull=False)
        assert (undone.item, undone.undone["by"]) == ("lot", laboratory.full_name)
        assert (undone_by(undone.undone), undone_because(undone.undone)) == (laboratory.full_name, "Misread")
        assert undone_by(None) == undone_because(None) == ""
        assert ProductMark.objects.valid().count() == number - 1
        assert "Misread" in words(client.get(page))

    def test_a_step_that_is_struck_out_loses_its_marks(self, patient, monitor, laboratory):
        marked(patient, monitor)
        step = WorksheetStep.objects.filter(patient=patient).last()
        assert ProductMark.objects.valid().filter(target="worksheet_step", target_id=step.pk).exists()
        with acting(user=laboratory, role="cell_laboratory"):
            WorksheetStep.objects.filter(pk=step.pk).update(struck_out_reason="Another patient")
        assert not ProductMark.objects.valid().filter(target="worksheet_step", target_id=step.pk).exists()
        with pytest.raises(ValidationError, match="struck out"):
            asked(step, monitor, "at", "worksheet_step")

    def test_a_fact_that_changed_since_it_was_read_is_not_marked(self, product, monitor, laboratory):
        rows = verification.blocks(product.patient)
        with acting(user=laboratory, role="cell_laboratory"):
            Preparation.objects.filter(pk=product.pk).update(lot="L-OTHER")
        page = reverse("dosing:product-verify", args=[product.patient.trial.slug, product.patient.code])
        answer = build.client(monitor).post(page, {"fact": [rows[0].value]})
        assert answer.status_code == 422
        assert not ProductMark.objects.exists()

    def test_a_general_fact_is_no_entry_of_the_page(self, product, monitor):
        page = reverse("dosing:product-verify", args=[product.patient.trial.slug, product.patient.code])
        answer = build.client(monitor).post(page, {"fact": [f"consent:{product.pk}:version:0"]})
        assert answer.status_code == 400

    def test_a_mark_is_withdrawn_with_a_reason(self, product, monitor):
        marked(product.patient, monitor)
        client = build.client(monitor)
        client.post(f"{address(product, 'lot')}withdraw/", {"reason": ""})
        assert ProductMark.objects.valid().filter(item="lot", target="preparation").exists()
        client.post(f"{address(product, 'lot')}withdraw/", {"reason": "Wrong paper"})
        assert not ProductMark.objects.valid().filter(item="lot", target="preparation").exists()
        assert "Wrong paper" in words(client.get(address(product, "lot")))


def test_every_value_of_a_step_is_a_fact_whose_mark_is_undone():
    """CEL-09: what the worksheet shows of a step can be asked about and verified."""
    assert {*VALUE_TITLES} <= {*STEP_FACTS}


class TestTheBlind:
    def test_a_blinded_person_is_refused_and_sees_no_trace(self, product, monitor, ward, trial):
        """BLD-01, BLD-02: no row, no number, no count, no gap: every page is the same with queries as without."""
        home = f"/trials/{trial.slug}/"
        client, code = build.client(ward), product.patient.code
        pages = [
            "", "queries/", f"patients/{code}/", f"patients/{code}/infusions/1/", "trail/", "search/?q=lot",
            f"patients/{code}/verify/", "quality/", "lock/",
        ]  # fmt: skip
        before = [words(client.get(home + page)) for page in pages]
        asked(product, monitor)
        marked(product.patient, monitor)
        assert [words(client.get(home + page)) for page in pages] == before
        refused = [
            "product-queries/", f"product-queries/{ProductQuery.objects.get().pk}/", "product-queries/9999/",
            "product-verification/", f"patients/{code}/product-verification/",
            f"patients/{code}/product-facts/preparation/{product.pk}/lot/",
            f"patients/{code}/product-facts/preparation/9999/lot/",
        ]  # fmt: skip
        assert {client.get(home + page).status_code for page in refused} == {403}

    def test_the_general_pages_know_no_fact_of_the_product(self, product, trial):
        """BLD-01: the general page of a fact answers 404 for a row of the product, as for one that there is not."""
        assert not set(KINDS) & set(GENERAL)
        monitor = build.user("monitor", trial=trial)
        where = [trial.slug, product.patient.code, "preparation", product.pk, "lot"]
        client = build.client(monitor)
        assert client.get(reverse("patients:fact", args=where)).status_code == 404
        ask = reverse("patients:facts-ask", args=[trial.slug, "preparation"])
        assert client.get(ask, {"row": product.pk}).status_code == 404

    def test_numbers_of_general_queries_have_no_gap(self, product, monitor, patient, trial, ward):
        """BLD-02: the number of the next general query does not tell how many there are on the product."""
        blinded = build.user("monitor", trial=trial)

        def general(item: str) -> int:
            (row,) = GENERAL["infusion"].rows([patient.infusions.get().pk])
            with acting(user=blinded, role="monitor"):
                return threads.raise_fact_query(
                    fact=Fact(GENERAL["infusion"], row, item),
                    text="?",
                    origin="monitor",
                    by=blinded,
                    role="monitor",
                ).pk

        first = general("started")
        asked(product, monitor)
        assert general("ended") == first + 1


def test_in_the_open_trial_who_asks_and_verifies_does_so_on_the_product():
    """ACC-01."""
    from trials.access import access_to
    from trials.permissions import Permission as P
    from trials.roles import ROLES

    expected = {
        build.LIEGE: {"monitor", "data_manager", "sponsor_safety", "unblinded_monitor"},
        build.COVID_MSV: {"unblinded_monitor"},
    }
    for slug, roles in expected.items():
        trial = build.trial(slug)
        accesses = [access_to(user=build.user(role, trial=trial), slug=slug) for role in ROLES]
        assert {each.role.code for each in accesses if each and each.may(P.ASK_PRODUCT)} == roles
