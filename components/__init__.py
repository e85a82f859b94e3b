"""The stages of the loop, one package each; the code that runs in containers."""
