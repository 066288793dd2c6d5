"""The edit checks of a protocol version, with the tests that hold them."""
