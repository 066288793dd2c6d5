"""What is told inside the transaction in which an infusion was recorded or amended."""

from django.dispatch import Signal

# infusion, by
infusion_given = Signal()
