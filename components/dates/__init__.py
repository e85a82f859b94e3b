"""Dates as models see them: text to moments by stated formats, and moments to numbers.

ONNX has no date parser. So `reading.parse` and `parts.date_numbers` stand in front of the graph,
and training and serving both call them: a date means the same on either side because the same code
read it, by the formats that the bundle's signature names. Neither Polars nor pandas is needed here,
because a server of ONNX models has neither.
"""
