"""Fits one candidate, its hyperparameters searched on the validation rows."""
