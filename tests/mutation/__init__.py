"""`make mutants`: small faults are put into the modules that decide, one at a time; the tests must notice each.

`operators` makes the faults of one node of the syntax tree, `mutants` finds them all in a module and names them,
`patching` puts one into a running process, `running` runs the tests in forks of one process that has collected them,
`fresh` repeats what went unnoticed with a fresh import, `listed` reads the list of modules and the excuses.
"""
