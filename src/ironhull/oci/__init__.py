"""OCI's nouns: digest, descriptor, platform, reference, media types, manifests. Values, no I/O."""
