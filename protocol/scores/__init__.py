"""Clinical scores as pure functions: exact decimals, units in the names, sources cited, nothing guessed.

Every function gives a `Derived`: a value, or nothing with what is missing. The expressions of a protocol
call them through `protocol.expressions.score_functions`.
"""
