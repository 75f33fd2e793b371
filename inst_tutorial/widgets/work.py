"""What the panels share: buttons that begin a piece of work, Stop, and how far the work is.

Work is done in a thread, because a kernel that computes hears no button. One piece at a time.
"""

from __future__ import annotations

import html
from collections.abc import Callable
from threading import Thread

import ipywidgets


class StoppedError(Exception):
    """The reader has pressed Stop."""


class Work(ipywidgets.VBox):
    """Stop, a bar, and a line that says what happens. The other buttons come from `starter`."""

    def __init__(self, said: str = "") -> None:
        self.stopping = False
        self.stop = ipywidgets.Button(description="Stop", disabled=True)
        self.bar = ipywidgets.FloatProgress(max=1.0, layout={"visibility": "hidden"})
        self.status = ipywidgets.HTML()
        self._starters: list[ipywidgets.Button] = []
        self._thread: Thread | None = None
        super().__init__([ipywidgets.HBox([self.stop, self.bar]), self.status])
        self.stop.on_click(lambda _: self._stop())
        self.say(said)

    def __repr__(self) -> str:
        return "Work()"

    def starter(
        self, text: str, task: Callable[[], None], style: str = "primary"
    ) -> ipywidgets.Button:
        """A button that begins a piece of work. `style` is one of ipywidgets' styles of buttons."""
        button = ipywidgets.Button(description=text, button_style=style, layout={"width": "auto"})
        button.on_click(lambda _: self.run(task))
        self._starters.append(button)
        return button

    def run(self, task: Callable[[], None]) -> None:
        """Begin a piece of work, unless another goes on. What goes wrong in it is said."""
        if self.busy:
            return
        self.stopping = False
        self._lock(True)
        self._thread = Thread(target=self._in_thread, args=(task,), daemon=True)
        self._thread.start()

    @property
    def busy(self) -> bool:
        """Whether a piece of work goes on."""
        return not self.stop.disabled

    def wait(self) -> None:
        """Return when the work is over."""
        if self._thread:
            self._thread.join()

    def check(self) -> None:
        """To be called at every step: raises StoppedError if the reader has pressed Stop."""
        if self.stopping:
            raise StoppedError

    def say(self, text: str) -> None:
        """Show a text."""
        self.status.value = html.escape(text)

    def progress(self, step: int, steps: int) -> None:
        """Show that `step` of `steps` is done."""
        self.bar.value = step / steps
        self.bar.description = f"{step} of {steps}"

    def _stop(self) -> None:
        self.stopping = True
        self.say("Stopping …")

    def attempt(self, task: Callable[[], None]) -> None:
        """Do something quick at once. What goes wrong in it is said."""
        try:
            task()
        except StoppedError:
            self.say("Stopped.")
        except Exception as error:  # show it: Jupyter does not show errors of buttons and threads
            self.say(str(error) or type(error).__name__)

    def _in_thread(self, task: Callable[[], None]) -> None:
        self.attempt(task)
        self._lock(False)

    def _lock(self, working: bool) -> None:
        for button in self._starters:
            button.disabled = working
        self.bar.value, self.bar.description = 0.0, ""
        self.bar.layout.visibility = "visible" if working else "hidden"
        self.stop.disabled = not working
