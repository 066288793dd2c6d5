"""Merkle tree (RFC 6962 §2.1) over a stream of leaves: one root for many rows, in little memory."""

import hashlib

EMPTY = hashlib.sha256(b"").digest()


def leaf(content: bytes) -> bytes:
    """Return the hash of a leaf. Its prefix byte differs from that of inner nodes, so neither passes for the other."""
    return hashlib.sha256(b"\x00" + content).digest()


class Tree:
    """Adds leaves one by one and keeps only the roots of complete subtrees."""

    def __init__(self) -> None:
        self._roots: list[tuple[int, bytes]] = []

    def add(self, leaf_hash: bytes) -> None:
        """Append a leaf by its hash (see `leaf`)."""
        height, node = 0, leaf_hash
        while self._roots and self._roots[-1][0] == height:
            node = _node(self._roots.pop()[1], node)
            height += 1
        self._roots.append((height, node))

    def root(self) -> bytes:
        """Return the root of all leaves so far; without leaves, the hash of the empty string."""
        if not self._roots:
            return EMPTY
        node = self._roots[-1][1]
        for _, left in reversed(self._roots[:-1]):
            node = _node(left, node)
        return node


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()
