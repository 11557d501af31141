"""Where an image comes from: one module a kind of place, all behind `interface`."""
