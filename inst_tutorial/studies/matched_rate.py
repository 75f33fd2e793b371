"""The learning rate at which a free vector moves about as fast as InST's embedder.

Adam moves every parameter by about its learning rate in a step. As published the embedder is an
affine map of one CLIP vector x, v = W x + b (book, chapter "The multi-layer attention embedder").
When every entry of W and b moves by the rate, an entry of v moves by up to
``rate * (|x|_1 + 1)``. A free vector moves by its rate and no more.

This leaves out that W is a product: W_o and W_v in it move as well. The first step of the whole
module is about twice as long, which that chapter measures.
"""

from __future__ import annotations

from PIL import Image

from inst_tutorial.learning import LEARNING_RATES
from inst_tutorial.painter import Painter
from inst_tutorial.pictures import to_tensor


def matched_rate(
    painter: Painter, picture: Image.Image, rate: float = LEARNING_RATES["pooled"]
) -> float:
    """The rate of a free vector that moves as fast as one affine map of a style picture's pooled
    CLIP vector does at `rate`."""
    pooled = painter.image_features(to_tensor(picture)).pooled[0]  # (d_v,)
    return rate * (float(pooled.abs().sum()) + 1)
