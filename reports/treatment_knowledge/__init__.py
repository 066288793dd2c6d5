"""Who knew the treatment of whom."""
