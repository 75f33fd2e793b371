"""Pictures to play with: the frame viewer, the same in a notebook and on a page, and panels for a
notebook with a kernel, which do in Python what the painter of the pages does in the browser.

    >>> from inst_tutorial.widgets import Studio
    >>> Studio()
"""

from inst_tutorial.widgets.inversion_panel import InversionPanel
from inst_tutorial.widgets.learn_panel import LearnPanel
from inst_tutorial.widgets.playground import Playground, playground
from inst_tutorial.widgets.studio import Studio
from inst_tutorial.widgets.viewer import FrameViewer, ViewError, view

__all__ = [
    "FrameViewer",
    "InversionPanel",
    "LearnPanel",
    "Playground",
    "Studio",
    "ViewError",
    "playground",
    "view",
]
