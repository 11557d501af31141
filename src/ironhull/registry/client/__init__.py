"""The client side of the distribution spec: push, pull and copy with any registry.

access      the registries of one command: endpoints, TLS, credentials, time-outs
repository  one repository: manifests, blobs, tags, referrers
places      what a command line names: registry, layout, archive, own store
transfer    pull, push and copy between places, in the order that never shows half an image
read_back   what a registry has of it afterwards, asked for as other clients ask
"""
