"""One module for each way of telling whether a package is affected."""
