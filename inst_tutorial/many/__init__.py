"""A word for every picture of a folder: the record of it, the plan, and the work itself."""
