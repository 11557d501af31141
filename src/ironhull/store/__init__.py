"""The content-addressed store on disk: blobs by sha256, atomic, for many processes; and buckets."""
