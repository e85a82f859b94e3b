"""The embedded engine: the compiled graph, the model server and the monitor on one machine."""
