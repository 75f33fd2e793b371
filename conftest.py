"""Further tests of the notebooks, wherever pytest is started from."""

pytest_plugins = ["tests.book.notebook_plugin"]
