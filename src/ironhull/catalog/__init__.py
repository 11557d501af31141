"""The catalog for people: what is known of each image, on pages and as JSON.

`facts` are values and `gathering` makes them of what other rooms say; `index` keeps them; `shelf`
is what a reader may see; `answers` says what a vulnerability means for all of it. `pages`, `api`
and `feeds` show it; `web` serves it, `export` writes it to files; `workspace.cataloguing` fills it.
"""
