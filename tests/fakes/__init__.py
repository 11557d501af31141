"""Fakes behind real interfaces: packages, archives, mirrors, registries, clocks."""
