"""Draw the diagrams of the book: `make diagrams` writes book/_static/diagrams.

Each diagram is one file of tools/diagrams and gives four: for a desk and (-narrow) for a phone, on
light pages and (-dark) on dark ones. A page names the first only; the book's extension
inst_diagrams shows the one that fits, and takes the text for readers who cannot see it (alt) from
the drawing. Insert one with these lines, with a caption whose first sentence is the message:

    ```{figure} _static/diagrams/method.svg
    :name: fig-01-method

    The painter stays frozen; one vector is learned.
    ```

There are:

    method                 the method on one page (welcome page, chapters 1 and 10)
    method_learning        a small one: where we are, learning the word (chapters 5, 6, 7)
    method_inversion       a small one: the content becomes noise (chapters 8, 9)
    method_transfer        a small one: repainting with the word (chapter 10)
    latent_diffusion       autoencoder, noise, UNet, text encoder (chapter 3)
    textual_inversion      the way of the gradient to the one vector (chapter 5)
    embedder_published     the embedder with one token: an affine map (chapter 6)
    embedder_patches       the embedder with patch tokens (chapter 6)
    stochastic_inversion   its three steps, the way down, the price (chapter 9)
    strength_ladder        strength as a place on the ladder of noise levels (chapters 9, 10)

python tools/make_diagrams.py               # draw all
python tools/make_diagrams.py --pictures    # first make the small pictures in them anew: minutes
"""

from __future__ import annotations

import argparse
from pathlib import Path

from diagrams import (
    embedder,
    latent_diffusion,
    method,
    method_map,
    stochastic_inversion,
    strength_ladder,
    textual_inversion,
)
from diagrams.drawing import Diagram
from diagrams.pictures import make_pictures

OUT = Path(__file__).parents[1] / "book/_static/diagrams"
DIAGRAMS: tuple[Diagram, ...] = (
    method.DIAGRAM,
    *method_map.DIAGRAMS,
    latent_diffusion.DIAGRAM,
    textual_inversion.DIAGRAM,
    embedder.PUBLISHED,
    embedder.PATCHES,
    stochastic_inversion.DIAGRAM,
    strength_ladder.DIAGRAM,
)


def drawn() -> dict[str, str]:
    """Every file's name, and what is in it."""
    return {name: text for diagram in DIAGRAMS for name, text in diagram.files().items()}


def main() -> None:
    """Write all diagrams."""
    parser = argparse.ArgumentParser(description="Draw the diagrams of the book.")
    parser.add_argument("--pictures", action="store_true", help="make the pictures in them anew")
    if parser.parse_args().pictures:
        make_pictures()
    OUT.mkdir(exist_ok=True)
    for name, text in drawn().items():
        (OUT / name).write_text(text, encoding="utf-8")
    print(OUT)


if __name__ == "__main__":
    main()
