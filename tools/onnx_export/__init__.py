"""Paintbox as ONNX graphs for the reader's browser: `export.py` writes them all.

Reading order: parts (what each graph computes), reverse (the gradient of the word), graphs
(from a module to a small file), weights (the numbers stay where they are), gallery, export.
"""
