"""What is known of the images to move to, and what the names of conventional images mean."""
