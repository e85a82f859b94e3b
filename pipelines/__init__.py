"""The graph of the stages, the engine that runs it on one machine, and the command line."""
