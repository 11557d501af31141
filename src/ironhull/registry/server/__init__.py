"""The registry server: OCI distribution spec 1.1 over an image layout, as an ASGI application.

Two floors. Below, plain functions on disk: `records` (what belongs to which repository),
`listing` (tags, from index.json), `entries` (what manifests say), `contents` (the three as one),
`uploads`, `sweep`; `users`, `access` and `logins` know who asks. Above, HTTP: `app` puts
`blob_routes`, `manifest_routes` and `other_routes` together, `sending` and `receiving` move bytes,
`connections` keeps room for new ones, `running` starts the web server.
"""
