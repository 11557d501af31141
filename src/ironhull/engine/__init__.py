"""The container engines found on the machine: load images into them, run and build with them."""
