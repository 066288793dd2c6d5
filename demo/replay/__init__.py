"""A published table of patients, replayed as a study through the ordinary verbs (docs/replay.md)."""
