"""One module for each format of a scan's report: `render(result, view) -> str`."""
