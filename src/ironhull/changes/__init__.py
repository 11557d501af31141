"""What changed from one build of an image to the next, as its changelog says it."""
