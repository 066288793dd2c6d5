"""Pages of one infusion: the bedside, shared by both arms, and apart from it the product."""
