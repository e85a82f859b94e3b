"""The monitor stage: collects what models answered and what was true, and counts both."""
