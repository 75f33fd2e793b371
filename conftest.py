"""Further tests of the notebooks, wherever pytest is started from, and all tests on the CPU.

What tests compare with was computed on a CPU; a GPU rounds otherwise. Apple's graphics on GitHub's
machines lack memory, too. The processes that tests start, kernels among them, inherit the variable.
"""

import os

os.environ["INST_DEVICE"] = "cpu"
pytest_plugins = ["tests.book.notebook_plugin"]
