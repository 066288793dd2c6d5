"""Clinical scores as pure functions: exact decimals, units in the names, sources cited, nothing guessed.

Every function gives a `Derived`: a value, or nothing with what is missing. `trials.score_functions` makes them
callable from the expressions of a protocol.
"""
