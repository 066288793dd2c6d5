"""One listing for every room: filter, sort, page by key, chips of what is filtered, the same columns as CSV.

A listing is a queryset, a FilterSet and a tuple of `Column`. What it costs depends on the page, not on the
table: rows are read from an index in the order of their key, one more than the page holds, and the total is
counted only up to a bound. Each sort needs an index: what the queryset selects by, the sort columns, the key.
"""

from trials.listing.page import Listing
from trials.listing.parts import Column, Selection

__all__ = ["Column", "Listing", "Selection"]
