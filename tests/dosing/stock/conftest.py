"""The stock tests share the patients of both arms with those of the worksheet."""

from tests.dosing.worksheet.conftest import both_arms, masked

__all__ = ["both_arms", "masked"]
