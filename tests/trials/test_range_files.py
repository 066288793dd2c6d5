"""Reference ranges from a file: all are stored or none, and every mistake is reported with its line."""

from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command

from audit.context import acting
from audit.trail import history_model
from tests.support import build
from tests.support.pages.entry_pages import words
from tests.support.study.reference_ranges import address, central
from trials.laboratories.range_files import FileRefused, import_ranges, template
from trials.models import Laboratory, ReferenceRange

pytestmark = pytest.mark.django_db


@pytest.fixture
def laboratory(trial) -> Laboratory:
    return central(trial)


class TestFiles:
    HEADER = "item,unit,sex,age_from,age_to,lower,upper,effective_from,effective_to,source\n"

    def load(self, laboratory: Laboratory, text: str | bytes) -> tuple[int, int]:
        data = text if isinstance(text, bytes) else text.encode()
        with acting(system="test"):
            return import_ranges(laboratory=laboratory, data=data, by=None)

    def refused(self, laboratory: Laboratory, text: str | bytes) -> list[tuple[int, str, str]]:
        with pytest.raises(FileRefused) as caught:
            self.load(laboratory, text)
        assert not ReferenceRange.objects.exists()
        return [(each.line, each.column, each.sentence) for each in caught.value.mistakes]

    def test_a_file_is_stored_whole(self, laboratory):
        lines = "biochemistry.crp,mg/L,,,,,5,2026-01-01,,Handbook\n"
        lines += "haematology.haemoglobin,g/dL,M,18,,13.0,17.5,2026-01-01,,\n"
        assert self.load(laboratory, self.HEADER + lines) == (2, 0)
        row = ReferenceRange.objects.get(item="haemoglobin")
        assert (row.sex, row.age_from, row.lower, row.unit) == ("M", 18, Decimal("13"), "g/dL")

    def test_a_sheet_of_a_country_with_decimal_commas_is_read(self, laboratory):
        text = (
            "\ufeffitem;unit;lower;upper;effective_from\nbiochemistry.potassium;mmol/L;3,5;5,0;01/01/2026\n"
        )
        assert self.load(laboratory, text) == (1, 0)
        assert ReferenceRange.objects.get().lower == Decimal("3.5")

    @pytest.mark.parametrize("text", [
        "item,lower,upper,effective_from\nbiochemistry.ldh,,250,2026-01-01\nbiochemistry.ferritin,,\"1,500\",2026-01-01\n",
        "item;lower;upper;effective_from\nbiochemistry.ldh;;250;2026-01-01\nbiochemistry.ferritin;;1,500;2026-01-01\n",
        "item;lower;upper;effective_from\nbiochemistry.ldh;;250;2026-01-01\nbiochemistry.ferritin;;1.500;2026-01-01\n",
    ])  # fmt: skip
    def test_a_bound_that_can_be_read_in_two_ways_is_refused_with_its_cell(self, laboratory, text):
        """DAT-10: 1,500 in a file is 1.5 or 1500; nothing of the file is stored."""
        ((line, column, sentence),) = self.refused(laboratory, text)
        assert (line, column) == (3, "upper")
        assert "can be read as 1.500 or as 1500" in sentence

    def test_a_point_is_a_decimal_sign_where_commas_separate_the_columns(self, laboratory):
        text = "item,lower,upper,effective_from\nbiochemistry.ferritin,,1.500,2026-01-01\n"
        assert self.load(laboratory, text) == (1, 0)
        assert ReferenceRange.objects.get().upper == Decimal("1.5")

    def test_the_template_with_one_line_filled_in_is_taken(self, trial, laboratory):
        blank = "".join(template(trial))
        filled = blank.replace("biochemistry.crp,mg/L,,,,,,,,", "biochemistry.crp,mg/L,,,,,5,2026-01-01,,")
        assert filled != blank
        made, left = self.load(laboratory, filled)
        assert (made, left) == (1, blank.count("\n") - 2)

    def test_one_wrong_line_and_nothing_is_stored(self, laboratory):
        """The whole file is refused, each mistake with its line and a sentence."""
        lines = (
            "biochemistry.crp,mg/L,,,,,5,2026-01-01,,\n"
            "biochemistry.alt,U/L,X,,,7,55,2026-01-01,,\n"
            "biochemistry.nonsense,U/L,,,,7,55,2026-01-01,,\n"
            "biochemistry.ast,U/L,,,,8,forty,2026-13-01,,\n"
        )
        found = self.refused(laboratory, self.HEADER + lines)
        assert [(line, column) for line, column, _sentence in found] == [
            (3, "sex"),
            (4, "item"),
            (5, "upper"),
            (5, "effective_from"),
        ]
        assert "“forty” is not a number" in found[2][2]

    def test_a_line_that_overlaps_another_of_the_file_is_named(self, laboratory):
        lines = "biochemistry.crp,mg/L,,,,,5,2026-01-01,,\nbiochemistry.crp,mg/L,M,,,,6,2026-01-01,,\n"
        ((line, column, sentence),) = self.refused(laboratory, self.HEADER + lines)
        assert (line, column) == (3, "effective_from")
        assert "overlaps" in sentence

    @pytest.mark.parametrize(
        ("data", "sentence"),
        [
            (b"", "The first line must name the columns"),
            (b"name,low,high\n", "The first line must name the columns"),
            (b"item,lower,upper,effective_from\n", "No line of the file gives a range"),
            (b"item,lower,upper,effective_from\ncrp,1\n", "has 2 columns instead of 4"),
            (b'item,lower,upper,effective_from\n"crp,1,2,3', "cannot be read as CSV"),
            (b"item,lower,upper,effective_from\ncr\xe9,1,2,2026-01-01\n", "is not UTF-8"),
            (b"item\0lower", "This is not a text file"),
            (b"x" * 1_000_001, "larger than 1 MB"),
        ],
    )
    def test_another_kind_of_file_says_so(self, laboratory, data, sentence):
        (mistake,) = self.refused(laboratory, data)
        assert sentence in mistake[2]

    def test_the_page_lists_the_mistakes(self, trial, manager, laboratory):
        browser = build.client(manager)
        data = (self.HEADER + "biochemistry.crp,mg/L,,,,,five,2026-01-01,,\n").encode()
        page = browser.post(address(trial, "at/central/import/"), {"file": SimpleUploadedFile("r.csv", data)})
        assert page.status_code == 422
        assert "2 upper “five” is not a number" in words(page)
        nothing = browser.post(address(trial, "at/central/import/"), {})
        assert nothing.status_code == 422
        right = (self.HEADER + "biochemistry.crp,mg/L,,,,,5,2026-01-01,,\n").encode()
        done = browser.post(
            address(trial, "at/central/import/"), {"file": SimpleUploadedFile("r.csv", right)}, follow=True
        )
        assert "1 ranges are added; 0 lines were left blank." in words(done)

    def test_the_command_loads_a_file_or_says_what_is_wrong(self, trial, laboratory, tmp_path, capsys):
        file = tmp_path / "ranges.csv"
        file.write_text(self.HEADER + "biochemistry.crp,mg/L,,,,,five,2026-01-01,,\n", encoding="utf-8")
        where = {"trial": trial.slug, "laboratory": "central"}
        with pytest.raises(CommandError, match="nothing was stored"):
            call_command("load_ranges", file, **where)
        assert "line 2 upper: “five” is not a number" in capsys.readouterr().err
        file.write_text(self.HEADER + "biochemistry.crp,mg/L,,,,,5,2026-01-01,,\n", encoding="utf-8")
        call_command("load_ranges", file, **where)
        assert "1 ranges added" in capsys.readouterr().out
        trail = history_model(ReferenceRange).objects.get()
        assert trail.history_user_name.startswith("system:load_ranges for account:")
        with pytest.raises(CommandError, match=r"Known: .*central"):
            call_command("load_ranges", file, trial=trial.slug, laboratory="nowhere")
