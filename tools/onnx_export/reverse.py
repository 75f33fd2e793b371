"""One step of learning as a graph: a word and noisy latents -> the loss and its gradient.

ONNX has no reverse pass, so it is written out: PyTorch traces the gradient once (`make_fx`), and
what it recorded is exported as an ordinary graph. Layers whose own reverse pass would need
unusual operators, or copies of the weights, are replaced by plain ones that compute the same.
Only the word gets a gradient: for frozen weights a layer's reverse pass is another such layer.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from diffusers.models.activations import GEGLU
from diffusers.models.upsampling import Upsample2D
from torch import Tensor, nn
from torch._decomp import core_aten_decompositions
from torch.autograd import Function
from torch.fx import GraphModule
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn import functional as F

from inst_tutorial.painter import Painter, laid_out
from onnx_export.parts import TextEncoder


def learning_step(painter: Painter, inputs: tuple[Tensor, ...]) -> GraphModule:
    """The traced step for inputs of these shapes, which it fixes.

    Word (1, d), ids (1, L) int32, slots (1, L, 1), z_t (b, c, h, w), t (b,) float and
    noise (b, c, h, w) -> loss () and gradient (1, d).
    """
    text = TextEncoder(plain(copy.deepcopy(painter.text_encoder)))
    unet = plain(laid_out(copy.deepcopy(painter.unet), torch.contiguous_format))
    unet.set_attn_processor(PlainAttention())

    def step(
        word: Tensor, ids: Tensor, slots: Tensor, z_t: Tensor, t: Tensor, noise: Tensor
    ) -> tuple[Tensor, Tensor]:
        word = word.detach().requires_grad_()
        context = text(ids, slots, word).expand(len(z_t), -1, -1)  # (b, L, d)
        eps = unet(z_t, t, encoder_hidden_states=context).sample
        loss = ((eps - noise) ** 2).mean()
        (gradient,) = torch.autograd.grad(loss, word)
        return loss.detach(), gradient

    with torch.enable_grad():
        graph = make_fx(step, dict(core_aten_decompositions()))(*inputs)
    graph.graph.eliminate_dead_code()
    graph.recompile()
    return graph


def plain(module: Any) -> Any:
    """The same module, in place, with plain layers wherever there is one."""
    for name, child in list(module.named_children()):
        if isinstance(child, GEGLU):
            plain(child)
        if isinstance(child, Upsample2D):
            setattr(module, name, _upsampler(child))
        elif make := _PLAIN.get(type(child)):
            setattr(module, name, make(child))
        else:
            plain(child)
    return module


# ---------------------------------------------------------- functions with a plain reverse pass


class Standardise(Function):
    """x (..., n) with mean 0 and variance 1 over its last axis."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, eps: float) -> Tensor:
        """The standardised x."""
        centred = x - x.mean(-1, keepdim=True)
        scale = ((centred * centred).mean(-1, keepdim=True) + eps).rsqrt()
        y = centred * scale
        ctx.save_for_backward(y, scale)
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """Ba et al., "Layer Normalization", 2016."""
        (g,), (y, scale) = gradients, ctx.saved_tensors
        mean, along = g.mean(-1, keepdim=True), (g * y).mean(-1, keepdim=True)
        return scale * (g - mean - y * along), None


class Convolve(Function):
    """A convolution of x (b, c, h, w) with frozen weights; its reverse pass is one, too."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int
    ) -> Tensor:
        """The convolution."""
        ctx.save_for_backward(weight)
        ctx.stride, ctx.padding = stride, padding
        return F.conv2d(x, weight, bias, stride, padding)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None, None]:
        """With the kernel turned by half a turn and its channels exchanged."""
        (g,), (weight,), stride = gradients, ctx.saved_tensors, ctx.stride
        if stride == 1:
            turned = weight.flip(2, 3) if weight.shape[-1] > 1 else weight
            x = F.conv2d(g, turned.transpose(0, 1), None, 1, ctx.padding)
        else:
            x = F.conv_transpose2d(g, weight, None, stride, ctx.padding, stride - 1)
        return x, None, None, None, None


class Multiply(Function):
    """Rows x (n, i) by a frozen matrix (o, i), without a copy of it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """The product (n, o)."""
        ctx.save_for_backward(weight)
        return x @ weight.t() if bias is None else torch.addmm(bias, x, weight.t())

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        """By the same matrix."""
        (weight,) = ctx.saved_tensors
        return gradients[0] @ weight, None, None


class Double(Function):
    """x (b, c, h, w) with each place repeated to 2 x 2."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """(b, c, 2h, 2w)."""
        return F.interpolate(x, scale_factor=2.0, mode="nearest")

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        """The sum over the four places."""
        return F.avg_pool2d(gradients[0], 2) * 4


# ------------------------------------------------------------------------------ plain layers


class PlainLayer(nn.Module):
    """A layer that computes what `layer` does, with its weights."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.layer = layer


class PlainGroupNorm(PlainLayer):
    """nn.GroupNorm."""

    def forward(self, x: Tensor) -> Tensor:
        """Standardise x (b, c, ...) group by group."""
        groups = x.reshape(len(x), self.layer.num_groups, -1)  # (b, groups, n)
        y = Standardise.apply(groups, self.layer.eps).reshape(x.shape)
        shape = (-1, *[1] * (x.ndim - 2))  # (c,) -> (c, 1, 1)
        return y * self.layer.weight.view(shape) + self.layer.bias.view(shape)


class PlainLayerNorm(PlainLayer):
    """nn.LayerNorm over the last axis."""

    def forward(self, x: Tensor) -> Tensor:
        """Standardise x (..., d)."""
        return Standardise.apply(x, self.layer.eps) * self.layer.weight + self.layer.bias


class PlainConv2d(PlainLayer):
    """nn.Conv2d with equal strides and equal paddings."""

    def forward(self, x: Tensor) -> Tensor:
        """Convolve x (b, c, h, w)."""
        (stride, _), (padding, _) = self.layer.stride, self.layer.padding
        return Convolve.apply(x, self.layer.weight, self.layer.bias, stride, padding)


class PlainLinear(PlainLayer):
    """nn.Linear."""

    def forward(self, x: Tensor) -> Tensor:
        """Project x (..., i) -> (..., o)."""
        rows = x.reshape(-1, x.shape[-1])  # (..., i) -> (n, i)
        y = Multiply.apply(rows, self.layer.weight, self.layer.bias)
        return y.reshape(*x.shape[:-1], -1)  # (n, o) -> (..., o)


class PlainSiLU(PlainLayer):
    """nn.SiLU."""

    def forward(self, x: Tensor) -> Tensor:
        """Gate x by its own sigmoid."""
        return x * torch.sigmoid(x)


class PlainGEGLU(PlainLayer):
    """diffusers' GEGLU: one half of a projection, gated by GELU of the other."""

    def forward(self, x: Tensor) -> Tensor:
        """Project x (..., i) -> (..., o)."""
        x, gate = self.layer.proj(x).chunk(2, -1)
        return x * (0.5 * gate * (1 + torch.erf(gate * 0.5**0.5)))


class PlainAttention:
    """A processor for diffusers' attention, written out."""

    def __call__(
        self, attention: Any, x: Tensor, encoder_hidden_states: Tensor | None = None, **_: Any
    ) -> Tensor:
        """Let x (b, n, d) attend to encoder_hidden_states (b, m, e), or to itself."""
        tokens = x if encoder_hidden_states is None else encoder_hidden_states
        b, n, _d = x.shape
        q, k, v = (
            y.reshape(b, y.shape[1], attention.heads, -1).transpose(1, 2)  # (b, heads, n, width)
            for y in (attention.to_q(x), attention.to_k(tokens), attention.to_v(tokens))
        )
        share = (q @ k.transpose(-1, -2) * attention.scale).softmax(-1)  # (b, heads, n, m)
        seen = (share @ v).transpose(1, 2).reshape(b, n, -1)  # (b, n, heads * width)
        return attention.to_out[0](seen) / attention.rescale_output_factor


def _upsampler(layer: Upsample2D) -> nn.Module:
    """Doubling, then the layer's own convolution."""
    return PlainUpsample(plain(layer))


class PlainUpsample(PlainLayer):
    """diffusers' Upsample2D with a convolution."""

    def forward(self, x: Tensor, *_: Any, **__: Any) -> Tensor:
        """Upsample x (b, c, h, w) -> (b, c', 2h, 2w)."""
        return self.layer.conv(Double.apply(x))


_PLAIN: dict[type, Callable[[Any], nn.Module]] = {
    nn.GroupNorm: PlainGroupNorm,
    nn.LayerNorm: PlainLayerNorm,
    nn.Conv2d: PlainConv2d,
    nn.Linear: PlainLinear,
    nn.SiLU: PlainSiLU,
    GEGLU: PlainGEGLU,
}
