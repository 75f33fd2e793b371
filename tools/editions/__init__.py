"""Editions of the book's notebooks: plain ones for any front end, for students, for teachers."""
