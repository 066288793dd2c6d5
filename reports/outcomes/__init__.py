"""Pages of the outcomes of a trial, which the room `outcomes` computes."""
