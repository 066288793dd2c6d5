"""Labels of bags and kits: drawn as a printer draws them, then read by two decoders that share nothing with ours."""

import re

import arbez_dmtx
import pypdfium2
import pytest
import zxingcpp
from django.urls import reverse
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from audit.models import AccessEvent
from dosing.allocation.kits import find_kit
from dosing.models import Kit
from dosing.stock.identifiers.data_matrix import SIZES, gs1_symbol
from dosing.stock.identifiers.gs1 import SEPARATOR, SERIAL, elements
from dosing.stock.labels.printed_labels import bag_label, kit_label, label_values
from dosing.stock.labels.scan import scanned
from patients.samples.label_sheet import label_sheet
from protocol.values.refusals import ValueRefused
from tests.support import build
from tests.support.pages.infusions import page
from tests.support.study import product_chain as chain
from tests.support.study.refusals import refused
from tests.support.study.worksheets import COUNT, DILUTION, DRAWN, Bench

DOTS = 4
"""Dots in a point of a page, and on a side of a module."""


def read(image: Image.Image) -> list[zxingcpp.Barcode]:
    """Return what ZXing reads, and hold it against what libdmtx reads; that one leaves every FNC1 out."""
    width, height = image.size
    pixels = memoryview(image.tobytes()).cast("B", (height, width))
    found = zxingcpp.read_barcodes(pixels, formats=zxingcpp.BarcodeFormat.DataMatrix)
    other = {each.data for each in arbez_dmtx.decode(image, max_count=len(found) or 1)}
    assert other == {each.bytes.replace(SEPARATOR.encode(), b"") for each in found}
    return found


def drawn(symbol: list[list[bool]]) -> Image.Image:
    """Return a symbol with light around it."""
    small = Image.new("L", (len(symbol) + 4,) * 2, 255)
    for row, line in enumerate(symbol):
        for column, dark in enumerate(line):
            small.putpixel((column + 2, row + 2), 0 if dark else 255)
    return small.resize((small.width * DOTS,) * 2, Image.Resampling.NEAREST)


def printed(sheet: bytes) -> Image.Image:
    """Return the first page of a sheet as a printer draws it."""
    return pypdfium2.PdfDocument(sheet)[0].render(scale=DOTS, grayscale=True).to_pil().convert("L")


def letters(sheet: bytes) -> str:
    return pypdfium2.PdfDocument(sheet)[0].get_textpage().get_text_range()


class TestTheSymbol:
    @given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=120))
    @settings(max_examples=25, deadline=None)
    def test_any_ascii_text_is_read_back(self, text):
        """CEL-02: every character that a label may carry."""
        (found,) = read(drawn(gs1_symbol(text)))
        assert (found.text, found.symbology_identifier) == (text, "]d2")

    @pytest.mark.parametrize("length", [3, 9, 15, 20, 33, 41, 60, 85, 113, 143, 173])
    def test_every_size_is_read_as_gs1(self, length):
        """CEL-02: an FNC1 first, so that a scanner says GS1; an FNC1 behind a value is a group separator."""
        text = ("21" + "B-X" * 60)[: length - 2] + SEPARATOR
        symbol = gs1_symbol(text)
        assert len(symbol) in {size.side for size in SIZES}
        (found,) = read(drawn(symbol))
        assert (found.bytes.decode("ascii"), found.symbology_identifier) == (text, "]d2")

    def test_what_does_not_fit_is_refused(self):
        with pytest.raises(ValueError, match="do not fit"):
            gs1_symbol("x" * 175)
        with pytest.raises(ValueError, match="ASCII"):
            gs1_symbol("é")


@pytest.mark.django_db
@pytest.mark.usefixtures("known_day")
class TestTheLabelOfABag:
    def test_it_names_trial_lot_expiry_and_bag_without_printed_brackets(self, trial, laboratory):
        """CEL-02: plain ASCII, FNC1, no bracket in the data; the field takes it back."""
        bag = chain.bag(trial, "B-1")
        answer = laboratory.get(reverse("dosing:bag-label", args=[trial.slug, bag.pk]))
        assert answer["Content-Disposition"] == 'attachment; filename="labels-B-1.pdf"'
        (found,) = read(printed(answer.content))
        assert found.symbology_identifier == "]d2"
        assert found.bytes == b"174006307240NCT04445454\x1d10L-1\x1d21B-1"
        assert not set(b"()") & set(found.bytes)
        assert scanned(trial, found.symbology_identifier + found.bytes.decode()) == bag
        assert {"B-1", "Lot L-1", "Expires on 2040-06-30"} <= set(letters(answer.content).split("\r\n"))

    def test_all_bags_of_a_lot_print_on_a_sheet(self, trial, laboratory):
        bags = [chain.bag(trial, f"B-{number}") for number in range(1, 8)]
        answer = laboratory.get(reverse("dosing:lot-labels", args=[trial.slug, bags[0].lot_id]))
        found = read(printed(answer.content))
        assert sorted(elements(each.bytes.decode())[SERIAL] for each in found) == [bag.number for bag in bags]

    def test_a_lot_without_bags_has_no_labels(self, trial, laboratory):
        lot = chain.lot(trial)
        assert laboratory.get(reverse("dosing:lot-labels", args=[trial.slug, lot.pk])).status_code == 404

    def test_a_label_of_another_trial_is_refused(self, trial):
        """CEL-02: the same number may be a bag here."""
        chain.bag(trial, "B-1")
        label = "]d27240NCT04361942\x1d10L-1\x1d21B-1"
        assert "is a label of another trial, NCT04361942" in refused(scanned, trial, label)["scan"][0]

    def test_the_longest_numbers_fit(self, trial):
        bag = chain.bag(trial, "B" * 20, of="L" * 20)
        (found,) = read(printed(label_sheet([bag_label(bag)])))
        assert elements(found.bytes.decode())[SERIAL] == "B" * 20


@pytest.mark.django_db
@pytest.mark.usefixtures("known_day")
class TestTheLabelOfAKit:
    def test_the_label_reads_as_the_number_of_the_kit(self, both_arms):
        patient = both_arms["C-1"]
        ward = build.client(build.user("coordinator", trial=patient.trial))
        kit = Kit.objects.get(infusion__patient=patient)
        answer = ward.get(page(patient, "kit-label"))
        (found,) = read(printed(answer.content))
        assert found.bytes == f"7240NCT04361942\x1d21{kit.number}".encode()
        assert find_kit(trial=patient.trial, typed="]d2" + found.bytes.decode()) == kit
        assert {kit.shown, patient.code, "Infusion 1"} <= set(letters(answer.content).split("\r\n"))

    def test_the_label_of_the_placebo_is_the_same_byte_for_byte_but_the_number(self, both_arms):
        """BLD-02, CEL-18: exchange number and subject code, and the file is that of the other arm."""
        cells, saline = (Kit.objects.get(infusion__patient=each) for each in both_arms.values())
        sheets = [label_sheet([kit_label(each)]) for each in (cells, saline)]
        saline.number, saline.patient.code = cells.number, cells.patient.code
        assert sheets[0] != sheets[1]
        assert label_sheet([kit_label(saline)]) == sheets[0]

    def test_nothing_on_the_labels_of_all_kits_names_the_product(self, both_arms):
        trial = both_arms["C-1"].trial
        ward = build.client(build.user("coordinator", trial=trial))
        sheet = ward.get(reverse("dosing:kits-labels", args=[trial.slug])).content
        shown = letters(sheet)
        assert all(each.shown in shown for each in Kit.objects.all())
        assert not re.search(
            r"L-C|L-S|C-1|S-1|cells|saline|MSV", shown.replace("COVID_MSV", ""), re.IGNORECASE
        )
        # The ward reads no product: nothing is recorded as a reading of the treatment, only who took the file.
        assert not AccessEvent.objects.filter(kind="treatment_seen").exists()

    def test_the_laboratory_labels_the_product_by_scanning_the_symbol(self, both_arms):
        """CEL-13: at the bench, with the separator or where the scanner swallows it."""
        patient = both_arms["C-1"]
        bench = Bench(patient)
        bench.thawed("C-1")
        bench.step()
        for values in ({**DILUTION, "washed": "N"}, {**COUNT, "cells_per_ml": "2.5"}, DRAWN):
            assert bench.step(**values).status_code == 302
        number = Kit.objects.get(infusion__patient=patient).number
        other = Kit.objects.exclude(number=number).get().number
        assert bench.scan(f"]d27240NCT04361942\x1d21{other}").status_code == 422
        assert bench.scan(f"7240NCT0436194221{number}").status_code == 302

    def test_the_label_of_a_bag_is_no_kit(self, both_arms):
        """BLD-01: the refusal does not say what the label is of."""
        trial = both_arms["C-1"].trial
        with pytest.raises(ValueRefused):
            find_kit(trial=trial, typed="]d27240NCT04361942\x1d10L-C\x1d21C-1")

    def test_a_kit_scanned_in_the_stock_leads_to_its_worksheet(self, both_arms):
        """CEL-02: one field, anywhere in the chain."""
        patient = both_arms["S-1"]
        laboratory = build.client(build.user("cell_laboratory", trial=patient.trial))
        kit = Kit.objects.get(infusion__patient=patient)
        stock = reverse("dosing:stock", args=[patient.trial.slug])
        for text in (kit.number, kit.shown.lower(), f"]d27240NCT04361942\x1d21{kit.number}"):
            assert laboratory.post(stock, {"scan": text}).url == page(patient, "worksheet")
        wrong = kit.shown[:-1] + ("2" if kit.shown[-1] != "2" else "3")
        answer = laboratory.post(stock, {"scan": wrong})
        assert answer.status_code == 422
        assert "a sign is wrong or two are exchanged" in answer.content.decode()

    def test_a_kit_scanned_by_the_ward_leads_to_its_infusion(self, both_arms):
        patient = both_arms["S-1"]
        ward = build.client(build.user("coordinator", trial=patient.trial))
        kit = Kit.objects.get(infusion__patient=patient)
        kits = reverse("dosing:kits", args=[patient.trial.slug])
        assert ward.get(kits, {"scan": f"]d221{kit.number}"}).url == page(patient)
        for wrong, words in (("C-1", "is no kit number"), ("]d210L-C\x1d21C-1", "is not the label of a kit"),
                             ("K7Q-2MXZ", "No infusion of this trial has the kit number")):  # fmt: skip
            answer = ward.get(kits, {"scan": wrong})
            assert answer.status_code == 422
            assert words in answer.content.decode()


@pytest.mark.django_db
def test_text_that_is_no_label_is_left_to_the_other_readers(trial):
    assert label_values(trial, "B-1") is None
    assert label_values(trial, "]d221B-1") == {SERIAL: "B-1"}
