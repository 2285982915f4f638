"""Parity with other libraries that need an environment of their own: `make peers` remakes their results."""
