"""Diagrams of the book, drawn by code; see `make_diagrams.py` for how a page shows one."""
