"""The data report: statistics as one HTML page, without scripts or outside addresses."""

from components.validate.report.page import render

__all__ = ["render"]
