"""One module for each format of a scan's report, each with `render(report) -> str`."""
