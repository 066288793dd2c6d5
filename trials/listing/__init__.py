"""Listings for every room: filters, sorting, keyset pagination, chips of active filters, the same columns as CSV.

A listing is a queryset, a FilterSet and a tuple of `Column`. Its cost depends on the page, not on the table: rows are
read from an index in key order, one more than the page holds, and the total is counted up to a bound only. Each sort
needs an index on: the columns by which the queryset selects, the sort columns, the key.
"""

from trials.listing.page import Listing
from trials.listing.parts import Column, Selection, choice_text, filters_in_english

__all__ = ["Column", "Listing", "Selection", "choice_text", "filters_in_english"]
