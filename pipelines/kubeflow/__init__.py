"""Kubeflow Pipelines, as the commands speak to it."""
