"""The way into service on KServe, in a cluster."""
