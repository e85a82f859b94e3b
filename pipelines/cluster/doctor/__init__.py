"""`kubeloop doctor`: what a machine and its cluster have, what is wrong, and how it is mended."""
