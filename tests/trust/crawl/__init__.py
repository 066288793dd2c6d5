"""A crawler of every address as every person, with its own statement of rights."""
