"""The preparation worksheet of an infusion, its hard stops, and the check of the kit at the bedside."""
