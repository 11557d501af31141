"""What watching shows: metrics for Prometheus, and a page with charts."""
