"""The frame viewer: pictures to play with, the same in a notebook and on a page."""

from inst_tutorial.widgets.playground import Playground, playground
from inst_tutorial.widgets.viewer import FrameViewer, ViewError, view

__all__ = ["FrameViewer", "Playground", "ViewError", "playground", "view"]
