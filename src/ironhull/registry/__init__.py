"""The distribution spec: client, server, referrers."""
