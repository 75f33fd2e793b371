"""The Korean edition: its catalogues and its pages."""
