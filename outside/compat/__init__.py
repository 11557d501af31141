"""Who reads what Ironhull publishes: other tools, by version, each job really run.

`python -m outside.compat` runs what docs/compatibility.json lacks, and writes it and
docs/compatibility.md. `publication` makes what the tools are given, `servers` are the registries,
`versions` finds the tools, `copying`, `statements`, `documents` and `layouts` hold the jobs, `page`
writes the page.
"""
