"""Make the pictures of the README and of the book's frame, all painted by the world.

python tools/make_figures.py              # all of them
python tools/make_figures.py logo card    # some
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import matplotlib.font_manager
from PIL import Image, ImageDraw, ImageFont

from inst_tutorial.figures import picture_grid, save_figure
from inst_tutorial.learning import LearningSettings, learn
from inst_tutorial.painter import Painter
from inst_tutorial.pictures import save_picture
from inst_tutorial.studies.held_out_pairs import pairs_figure
from inst_tutorial.studies.results import Results
from inst_tutorial.style_transfer import transfer
from inst_tutorial.world import HELD_OUT, STYLES, Scene, paint

ROOT = Path(__file__).parents[1]
STATIC, DATA = ROOT / "book/_static", ROOT / "inst_tutorial/data"
SCENES = (
    Scene("castle", "mountains", colour="purple", seed=3),
    Scene("owl", "snow", light="sunset", colour="brown", seed=2),
    Scene("sailboat", "sea", light="night", colour="red", seed=4),
)
EMBLEM = Scene("lighthouse", "sea", size=0.85, seed=1)
TITLE = "Inversion-based style transfer, step by step"


def world() -> Path:
    """Three scenes in eight held-out styles."""
    names = list(HELD_OUT)[:8]
    rows = [[paint(scene), *(paint(scene, HELD_OUT[name]) for name in names)] for scene in SCENES]
    figure = picture_grid(rows, column_titles=["photograph", *names])
    return save_figure(figure, STATIC / "world.webp")


def opening() -> Path:
    """The best, the middle and the worst of all pairs, as they were measured."""
    pairs = Results.load(DATA / "held_out_pairs.json").tables["pairs"]
    return save_figure(
        pairs_figure(Painter.load("paintbox", device="cpu"), pairs), STATIC / "opening.webp"
    )


def logo() -> Path:
    """A lighthouse, half photograph, half painting, with round corners."""
    return save_transparent(emblem(256), STATIC / "logo.webp")


def favicon() -> Path:
    """The logo for a browser's tab."""
    return save_transparent(emblem(64), STATIC / "favicon.png")


def card() -> Path:
    """What a link to the book shows elsewhere: the emblem's scene in many styles, and the title."""
    sheet = Image.new("RGB", (1200, 630), "#14213d")
    styles = [HELD_OUT[name] for name in list(HELD_OUT)[:8]]
    styles += [STYLES[name] for name in ("mosaic", "comic", "woodcut")]
    for i, style in enumerate([None, *styles]):
        sheet.paste(paint(EMBLEM, style, size=200), (200 * (i % 6), 200 * (i // 6)))
    drawing = ImageDraw.Draw(sheet)
    font = matplotlib.font_manager.findfont("DejaVu Sans:bold")
    drawing.text((600, 490), TITLE, "white", ImageFont.truetype(font, 42), anchor="mm")
    below = "One painting becomes a word; the word repaints your pictures"
    plain = matplotlib.font_manager.findfont("DejaVu Sans")
    drawing.text((600, 555), below, "#d0d8e8", ImageFont.truetype(plain, 28), anchor="mm")
    return save_picture(sheet, STATIC / "card.jpg")


def painter_still() -> Path:
    """What stands where the painter in the browser will: a content, a style, the repainting."""
    painter = Painter.load("paintbox", device="cpu")
    content = paint(Scene("cat", "meadow", colour="orange", trim="brown", seed=2))
    style = paint(Scene("house", "meadow", colour="blue", trim="red", seed=4), HELD_OUT["lagoon"])
    settings = LearningSettings(kind="free", steps=60, batch=4, learning_rate=0.2)
    repainted = transfer(painter, content, learn(painter, style, settings))
    sheet = Image.new("RGB", (3 * 200, 200), "white")
    for i, picture in enumerate((content, style, repainted)):
        sheet.paste(picture.resize((196, 196), Image.Resampling.LANCZOS), (200 * i + 2, 2))
    return save_picture(sheet, STATIC / "painter-still.webp")


def emblem(side: int) -> Image.Image:
    """RGBA: the photograph left of a diagonal, the painting right of it."""
    photograph, painting = (paint(EMBLEM, style, size=512) for style in (None, HELD_OUT["starry"]))
    mask, corners = Image.new("L", (512, 512)), Image.new("L", (512, 512))
    ImageDraw.Draw(mask).polygon([(330, 0), (512, 0), (512, 512), (180, 512)], fill=255)
    ImageDraw.Draw(corners).rounded_rectangle((0, 0, 511, 511), 80, fill=255)
    both = Image.composite(painting, photograph, mask)
    ImageDraw.Draw(both).line([(330, 0), (180, 512)], "white", 10)
    both.putalpha(corners)
    return both.resize((side, side), Image.Resampling.LANCZOS)


def save_transparent(picture: Image.Image, path: Path) -> Path:
    """Write an RGBA picture as .webp or .png."""
    picture.save(path, **({"quality": 90} if path.suffix == ".webp" else {"optimize": True}))
    return path


FIGURES: dict[str, Callable[[], Path]] = {
    function.__name__: function for function in (world, opening, logo, favicon, card, painter_still)
}


def main() -> None:
    """Write the figures named on the command line, or all of them."""
    parser = argparse.ArgumentParser(description="Make the pictures of the README and the book.")
    parser.add_argument("names", nargs="*", help=f"of {', '.join(FIGURES)}; default: all")
    for name in parser.parse_args().names or FIGURES:
        print(FIGURES[name]())


if __name__ == "__main__":
    main()
