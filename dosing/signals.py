"""The signal of the dosing room, sent inside the transaction that records or amends an infusion.

It is also sent for a recorded weight and for an infusion marked as not given.
"""

from django.dispatch import Signal

# infusion, by
infusion_given = Signal()
