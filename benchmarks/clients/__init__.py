"""Clients of the registry benchmark, each a process of its own."""
