"""The container engines found on the machine: run and build with them."""
