"""Definition and archive → Lock: the exact packages of an image, and why each is there."""
