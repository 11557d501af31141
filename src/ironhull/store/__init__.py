"""The content-addressed store on disk: blobs by sha256, atomic, shared by concurrent processes."""
