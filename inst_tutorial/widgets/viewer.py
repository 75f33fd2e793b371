"""The viewer behind every control in the book: the reader chooses one of many pictures.

    >>> view(frame, strength=[0.3, 0.5, 0.7], style=["starry", "neon"], alt="{style} at {strength}")

All pictures are made when the cell runs. The result is a widget (anywidget) for a notebook with a
kernel. It is also a piece of HTML with the pictures and the same JavaScript, for a page or a
notebook without a kernel. `viewer.js` draws both.
"""

from __future__ import annotations

import base64
import html
import io
import itertools
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import anywidget
import traitlets
from matplotlib.figure import Figure
from PIL import Image

from inst_tutorial.figures import to_picture

HERE = Path(__file__).parent
SCRIPT = (HERE / "viewer.js").read_text(encoding="utf-8")
STYLE = (HERE / "viewer.css").read_text(encoding="utf-8")
NO_CONTROL = "at least one control is needed, such as strength=[0.3, 0.5, 0.7]"
MOST_FRAMES = 120
MOST_BYTES = 1_500_000
THUMB = 64
HINT = "To move the controls, run this cell (or trust this notebook)."

Value = float | int | str
Range = tuple[float, float, float]
Frame = Callable[..., Image.Image | Figure]


class ViewError(ValueError):
    """A control, a choice or a frame that a viewer cannot show; the message says which."""


@dataclass(frozen=True)
class Control:
    """A slider for numbers, a menu for texts, a gallery for texts with thumbnails.

    labels: the texts that the reader sees. numbers: a slider's values. thumbs: a gallery's
    pictures as data URIs. range: (low, high, step) of the slider when a kernel computes.
    """

    name: str
    label: str
    kind: str
    labels: tuple[str, ...]
    numbers: tuple[float, ...] | None = None
    thumbs: tuple[str, ...] | None = None
    range: Range | None = None

    @property
    def values(self) -> tuple[Value, ...]:
        """The values with which a frame is called."""
        return self.numbers or self.labels


def view(
    frame: Frame,
    *,
    alt: str,
    caption: str = "",
    start: Mapping[str, Value] | None = None,
    width: int | None = None,
    live: Frame | None = None,
    live_ranges: Mapping[str, Range] | None = None,
    **choices: Iterable[Value] | Mapping[str, Image.Image],
) -> FrameViewer:
    """A viewer of `frame(**choice)` for every combination of the choices.

    Each keyword is a control: numbers give a slider, texts a menu, and a dict {name: picture} a
    gallery. `frame` gets one value of each (of a gallery, the name) and returns a picture or a
    figure. `alt` and `caption` are texts. In `alt`, {strength} is replaced by the chosen strength;
    a screen reader reads it at each change. `start` is the choice that is shown first, `width` the
    picture's width in pixels on the page.

    live: a function of the same keywords. Where there is a kernel, it computes pictures that are
    not stored, at the values that `live_ranges` {name: (low, high, step)} gives to a slider.

    Raises ViewError when a control has no choices or an unknown name, and when the frames are
    too many or too big for a page.
    """
    ranges = dict(live_ranges or {})
    controls = [_control(name, values, ranges.pop(name, None)) for name, values in choices.items()]
    if not controls or ranges:
        raise ViewError(f"live_ranges names {[*ranges]}, not controls" if ranges else NO_CONTROL)
    combinations = list(itertools.product(*(control.values for control in controls)))
    if len(combinations) > MOST_FRAMES:
        raise ViewError(f"{len(combinations)} frames are too many; {MOST_FRAMES} is the limit")
    named_choices = [dict(zip(choices, values, strict=True)) for values in combinations]
    pictures = [_picture(frame(**choice)) for choice in named_choices]
    spec = {
        "controls": [asdict(control) for control in controls],
        "start": _start(controls, start or {}),
        "frames": [data_uri(picture) for picture in pictures],
        "alts": [_alt(alt, choice) for choice in named_choices],
        "caption": caption,
        "width": width or _shown_width(pictures[0].width),
        "live": live is not None,
    }
    if (size := len(json.dumps(spec))) > MOST_BYTES:
        raise ViewError(
            f"the frames take {size:,} bytes, more than {MOST_BYTES:,}: make them smaller"
        )
    return FrameViewer(spec, live, alt)


class FrameViewer(anywidget.AnyWidget):
    """The viewer that `view` returns. `spec` is all that viewer.js needs; see `view` for `live`."""

    _esm: ClassVar[str] = f"{SCRIPT}\nexport default {{ render: InstView.render }};\n"
    _css: ClassVar[str] = STYLE
    spec = traitlets.Dict().tag(sync=True)

    def __init__(self, spec: dict[str, Any], live: Frame | None = None, alt: str = "") -> None:
        super().__init__(spec=spec)
        self._live, self._alt = live, alt
        self.on_msg(self._answer)

    def __repr__(self) -> str:
        names = ", ".join(control["name"] for control in self.spec["controls"])
        return f"FrameViewer({names}: {len(self.spec['frames'])} frames)"

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        data, metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})
        return {**data, "text/html": self.to_html()}, metadata

    def to_html(self) -> str:
        """The viewer as a piece of a page that needs no other files.

        It shows the start frame as an ordinary picture until its script runs; the list of frames
        has an empty text in that place.
        """
        frames, alts = list(self.spec["frames"]), self.spec["alts"]
        first = frame_index(self.spec)
        still, frames[first] = frames[first], ""
        spec = {**self.spec, "frames": frames, "live": False}
        stored = json.dumps(spec, separators=(",", ":")).replace("</", r"<\/")
        caption = html.escape(self.spec["caption"])
        return (
            f'<figure class="inst-view"><img src="{still}" width="{self.spec["width"]}" '
            f'alt="{html.escape(alts[first])}"><figcaption>{caption}</figcaption>'
            f'<p class="inst-view-hint"><em>{HINT}</em></p>'
            f'<script type="application/json">{stored}</script></figure>'
            f"<style>{STYLE}</style><script>(() => {{{SCRIPT}InstView.mountAll();}})();</script>"
        )

    def extend(self, control: str, label: str, picture: Image.Image) -> None:
        """Add one choice, for `live` only, to the gallery named `control`, and choose it."""
        thumb = data_uri(_thumbnail(picture))
        self.send({"extend": control, "label": label, "thumb": thumb})

    def _answer(self, _: object, content: Mapping[str, Any], buffers: object) -> None:
        """Answer a choice from the browser with its picture, or with the error."""
        if self._live is None or "choice" not in content:
            return
        try:
            picture = _picture(self._live(**content["choice"]))
            alt = _alt(self._alt, content["choice"])
            self.send({"frame": data_uri(picture), "alt": alt})
        except Exception as error:  # show it: Jupyter does not show errors in a widget's callback
            self.send({"error": f"{type(error).__name__}: {error}"})


def frame_index(spec: Mapping[str, Any], choice: Mapping[str, Value] | None = None) -> int:
    """The index in spec["frames"] of a choice, or of the start."""
    index = 0
    for control, start in zip(spec["controls"], spec["start"], strict=True):
        values = control["numbers"] or control["labels"]
        position = start if choice is None else list(values).index(choice[control["name"]])
        index = index * len(values) + position
    return index


def data_uri(picture: Image.Image) -> str:
    """A picture as a WebP file in a data URI, for a page."""
    file = io.BytesIO()
    picture.convert("RGB").save(file, "WEBP", quality=80, method=6)
    return "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode("ascii")


def _control(
    name: str, values: Iterable[Value] | Mapping[str, Image.Image], live: Range | None
) -> Control:
    label = name.replace("_", " ")
    if isinstance(values, Mapping):
        thumbs = tuple(data_uri(_thumbnail(picture)) for picture in values.values())
        control = Control(name, label, "gallery", tuple(map(str, values)), thumbs=thumbs)
    else:
        control = _plain_control(name, label, list(values), live)
    if not control.labels or len(set(control.labels)) < len(control.labels):
        raise ViewError(f"{name}: different choices are needed, got {control.labels}")
    if live and control.kind != "slider":
        raise ViewError(f"{name}: live_ranges is for sliders only")
    return control


def _plain_control(name: str, label: str, values: Sequence[Value], live: Range | None) -> Control:
    if all(isinstance(value, str) for value in values):
        return Control(name, label, "menu", tuple(map(str, values)))
    if any(isinstance(value, str) for value in values):
        raise ViewError(f"{name}: all numbers or all texts, got {list(values)}")
    numbers = [int(value) if float(value).is_integer() else float(value) for value in values]
    if not all(map(math.isfinite, numbers)):
        raise ViewError(f"{name}: finite numbers are needed, got {numbers}")
    labels = tuple(
        f"{number:g}" if isinstance(number, float) else str(number) for number in numbers
    )
    return Control(name, label, "slider", labels, tuple(numbers), range=live)


def _start(controls: Sequence[Control], start: Mapping[str, Value]) -> list[int]:
    """The position of the start in each control; 0 for a control that `start` does not name."""
    if unknown := set(start) - {control.name for control in controls}:
        raise ViewError(f"start names {sorted(unknown)}, which are not controls")
    for control in controls:
        if start.get(control.name, control.values[0]) not in control.values:
            raise ViewError(f"start: {control.name} has no {start[control.name]!r}")
    return [c.values.index(start.get(c.name, c.values[0])) for c in controls]


class _Shown(float):
    """A number that is formatted with few digits unless the text gives a format."""

    def __format__(self, spec: str) -> str:
        return super().__format__(spec or "g")


def _alt(alt: str, choice: Mapping[str, Value]) -> str:
    shown = {name: v if isinstance(v, str) else _Shown(v) for name, v in choice.items()}
    try:
        return alt.format(**shown)
    except (KeyError, IndexError, ValueError) as error:
        raise ViewError(f"alt={alt!r} may only name {', '.join(choice)}: {error}") from error


def _picture(frame: Image.Image | Figure) -> Image.Image:
    return to_picture(frame) if isinstance(frame, Figure) else frame


def _thumbnail(picture: Image.Image) -> Image.Image:
    small = picture.convert("RGB")
    small.thumbnail((THUMB, THUMB), Image.Resampling.LANCZOS)
    return small


def _shown_width(pixels: int) -> int:
    """The width on the page: small pictures are enlarged."""
    return pixels * max(1, round(256 / pixels)) if pixels < 256 else pixels
