"""The closed report for the data monitoring board: figures of each arm, and of no patient."""
