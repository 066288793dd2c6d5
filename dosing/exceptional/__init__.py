"""A lot out of specification used for one infusion all the same: request, risk evaluation, decision (ATM-04)."""
