"""Package archives behind one interface: signed release file → package index → .deb."""
