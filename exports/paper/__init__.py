"""Documents on paper: what they hold is gathered here in words, how they look is in the templates beside."""
