"""Turns the approved pipeline into a bundle: ONNX, proved on every validation row, and its card."""
