"""zstd:chunked layers: ordinary zstd that says where each file is, so that parts can be fetched."""
