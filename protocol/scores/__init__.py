"""Clinical scores as pure functions: exact decimals, units in the names, sources cited, nothing imputed.

Every function returns a `Derived`: a value, or no value and the names of what is missing. The expressions of a
protocol call them through `protocol.expressions.score_functions`.
"""
