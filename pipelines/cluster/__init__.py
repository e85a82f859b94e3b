"""The cluster itself: a local one in one command, and what is wrong with any other."""
