"""What runs Ironhull as a service; `image` makes its own image."""
