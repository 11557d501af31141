"""One module for each format of a comparison: `render(document) -> str`, from its JSON alone."""
