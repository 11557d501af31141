"""What finds packages in a file of an image: one module a kind of package."""
