"""Pages on which people report problems with the software, and others look at them."""
