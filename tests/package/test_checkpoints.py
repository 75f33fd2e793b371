"""Stable Diffusion in one file: a tiny one in the original layout loads as its folder does."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny import toy_tokenizer
from typer.testing import CliRunner

from bench.gpu.random_painters import TINY
from inst_tutorial import cli
from inst_tutorial.configs import PainterError
from inst_tutorial.folders import VISION
from inst_tutorial.layouts import LAYOUTS, empty_parts, random_parts, write_layout
from inst_tutorial.noise_schedule import Schedule
from inst_tutorial.painter import Painter
from inst_tutorial.single_file import LayoutWarning, layout_of

Tensors = dict[str, torch.Tensor]
RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
ATTENTION = {"to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out", "group_norm": "norm"}
OPEN_CLIP = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
}


def renamed(name: str, names: dict[str, str]) -> str:
    for new, old in names.items():
        name = re.sub(rf"\b{re.escape(new)}\b", old, name)
    return name


def unet_name(name: str) -> str:
    """A weight of the tiny UNet (two blocks of one layer) in the original layout."""
    for new, old in {
        "time_embedding.linear_1": "time_embed.0",
        "time_embedding.linear_2": "time_embed.2",
        "conv_in": "input_blocks.0.0",
        "conv_norm_out": "out.0",
        "conv_out": "out.2",
        "mid_block.attentions.0": "middle_block.1",
        "mid_block.resnets.0": "middle_block.0",
        "mid_block.resnets.1": "middle_block.2",
        "down_blocks.0.downsamplers.0.conv": "input_blocks.2.0.op",
        "up_blocks.0.upsamplers.0.conv": "output_blocks.1.1.conv",
    }.items():
        if name.startswith(f"{new}."):
            name = name.replace(new, old, 1)
            return name if "attentions" in new else renamed(name, RESNET)
    side, block, kind, layer, rest = re.fullmatch(
        r"(down|up)_blocks\.(\d)\.(resnets|attentions)\.(\d)\.(.*)", name
    ).groups()
    number = 2 * int(block) + int(layer) + (side == "down")
    place = f"{'input' if side == 'down' else 'output'}_blocks.{number}.{int(kind != 'resnets')}"
    return f"{place}.{renamed(rest, RESNET) if kind == 'resnets' else rest}"


def vae_name(name: str) -> str:
    name = re.sub(r"mid_block\.attentions\.0", "mid.attn_1", name)
    name = re.sub(r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}", name)
    name = re.sub(r"down_blocks\.(\d)\.resnets", r"down.\1.block", name)
    name = re.sub(r"up_blocks\.(\d)\.resnets", lambda m: f"up.{1 - int(m[1])}.block", name)
    name = name.replace("down_blocks.0.downsamplers.0", "down.0.downsample")
    name = name.replace("up_blocks.0.upsamplers.0", "up.1.upsample")
    name = name.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
    return renamed(name, ATTENTION) if "attn_1" in name else name


def open_clip(text: Tensors) -> Tensors:
    """Text weights under OpenCLIP's names, with q, k and v in one."""
    made = {}
    for name, value in text.items():
        layer = re.match(r"encoder\.layers\.(\d+)\.", name)
        if name.startswith("embeddings.token"):
            made["token_embedding.weight"] = value
        elif name.startswith("embeddings.position"):
            made["positional_embedding"] = value
        elif layer is None:
            made[name.replace("final_layer_norm", "ln_final")] = value
        elif "q_proj" in name:
            three = [text[name.replace("q_proj", f"{x}_proj")] for x in "qkv"]
            kind = name.rpartition(".")[2]
            made[f"transformer.resblocks.{layer[1]}.attn.in_proj_{kind}"] = torch.cat(three)
        elif "k_proj" not in name and "v_proj" not in name:
            rest = renamed(name[layer.end() :], OPEN_CLIP)
            made[f"transformer.resblocks.{layer[1]}.{rest}"] = value
    return made


def original(folder: Path) -> Tensors:
    """The weights of a tiny painter's folder in the original layout."""
    unet = load_file(folder / "unet/diffusion_pytorch_model.safetensors")
    vae = load_file(folder / "vae/diffusion_pytorch_model.safetensors")
    text = load_file(folder / "text_encoder/model.safetensors")
    text = {name.removeprefix("text_model."): value for name, value in text.items()}
    made = {f"model.diffusion_model.{unet_name(name)}": value for name, value in unet.items()}
    for name, value in vae.items():
        conv = "attentions" in name and name.endswith("weight") and value.ndim == 2
        made[f"first_stage_model.{vae_name(name)}"] = value[..., None, None] if conv else value
    if "sd2" in folder.name:
        return made | {f"cond_stage_model.model.{n}": v for n, v in open_clip(text).items()}
    prefix = "cond_stage_model.transformer.text_model."
    return made | {f"{prefix}{name}": value for name, value in text.items()}


@pytest.fixture(scope="module", params=["sd1", "sd2"])
def single(request, tmp_path_factory) -> tuple[Path, Path]:
    """(the file, the folder of the same painter)."""
    folder = request.getfixturevalue(f"{request.param}_folder")
    path = tmp_path_factory.mktemp("single") / "model.safetensors"
    save_file({name: value.contiguous() for name, value in original(folder).items()}, path)
    return path, folder


def test_a_single_file_is_its_folder(single) -> None:
    path, folder = single
    ours, expected = Painter.load(path, config=folder), Painter.load(folder)
    for part in ("unet", "vae", "text_encoder"):
        weights = getattr(expected, part).state_dict()
        loaded = getattr(ours, part).state_dict()
        assert loaded.keys() == weights.keys()
        assert all(torch.equal(loaded[name], value) for name, value in weights.items())
    assert torch.equal(ours.embed("a red house"), expected.embed("a red house"))
    assert ours.schedule.prediction_type == expected.schedule.prediction_type
    assert ours.source == str(path) and ours.revision is None
    assert not any(p.requires_grad for p in ours.unet.parameters())


def test_precision_of_a_single_file(single) -> None:
    path, folder = single
    assert Painter.load(path, config=folder, dtype=torch.bfloat16).dtype == torch.bfloat16


def test_the_command_reads_a_single_file(single) -> None:
    path, folder = single
    told = CliRunner().invoke(cli.app, ["info", "--painter", str(path), "--config", str(folder)])
    assert told.exit_code == 0 and str(path) in told.stdout and "32 x 32 pixels" in told.stdout
    alone = CliRunner().invoke(cli.app, ["info", "--painter", str(path)])
    assert alone.exit_code == 2 and "neither Stable Diffusion 1.x nor 2.x" in alone.stderr


@pytest.mark.parametrize("part", ["model.diffusion", "first_stage", "cond_stage"])
def test_a_file_that_lacks_weights_is_refused(single, tmp_path: Path, part: str) -> None:
    path, folder = single
    tensors = load_file(path)
    lost = [n for n in tensors if n.startswith(part) and ("conv_in" in n or "out.0" in n)]
    lost += [n for n in tensors if n.startswith(part) and "1.mlp" in n]
    for name in lost:
        del tensors[name]
    save_file(tensors, tmp_path / "part.safetensors")
    assert lost
    with pytest.raises(PainterError, match=r"part\.safetensors.* lacks .*weights"):
        Painter.load(tmp_path / "part.safetensors", config=folder)


def test_what_is_no_single_checkpoint(single, tmp_path: Path) -> None:
    path, folder = single
    shutil.copy(path, tmp_path / "model.ckpt")
    with pytest.raises(PainterError, match=r"\.ckpt is not a \.safetensors file\. Pickled"):
        Painter.load(tmp_path / "model.ckpt", config=folder)
    with pytest.raises(PainterError, match=r"no painter at .*gone/model\.safetensors"):
        Painter.load("gone/model.safetensors")
    with pytest.raises(PainterError, match=r"no configuration 'sd3': .* sd15, sd21-base, sd21"):
        Painter.load(path, config="sd3")
    other = tmp_path / "other.safetensors"
    save_file({"x": torch.zeros(1)}, other)
    with pytest.raises(PainterError, match=r"is not Stable Diffusion 1\.x or 2\.x: it lacks"):
        Painter.load(other)
    other.write_bytes(path.read_bytes()[:500])
    with pytest.raises(PainterError, match="cannot load"):
        Painter.load(other, config=folder)


def of_width(folder: Path, width: int) -> Path:
    """A file with the one weight by which a layout is told: of a UNet that reads such texts."""
    key = "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"
    save_file({key: torch.zeros(2, width)}, folder / "model.safetensors")
    return folder / "model.safetensors"


@pytest.mark.filterwarnings("error")
def test_the_layout_is_told_from_the_weights(tmp_path: Path) -> None:
    assert layout_of(of_width(tmp_path, 768)) == "sd15"
    with pytest.raises(PainterError, match=r"\(2, 2048\).*neither"):
        layout_of(of_width(tmp_path, 2048))


def test_two_layouts_of_the_same_shapes_are_a_guess_that_is_said(tmp_path: Path) -> None:
    """Stable Diffusion 2.1 and 2.1-base differ in nothing that a file without settings has."""
    one, other = (
        {
            (part, key): value.shape
            for part, module in empty_parts(LAYOUTS[name], torch.float16).items()
            for key, value in module.named_parameters()
        }
        for name in ("sd21", "sd21-base")
    )
    assert one == other
    path = of_width(tmp_path, 1024)
    with pytest.warns(LayoutWarning, match=r"768 pixels.*config='sd21-base'.*--config sd21-base"):
        assert layout_of(path) == "sd21"
    told = CliRunner().invoke(cli.app, ["info", "--painter", str(path)])
    assert f"inst: {path} is Stable Diffusion 2.x" in told.stderr


@pytest.mark.parametrize(
    ("name", "unet", "text"),
    [("sd15", 859_520_964, 123_060_480), ("sd21", 865_910_724, 340_387_840)],
)
def test_layouts_are_those_of_stable_diffusion(name: str, unet: int, text: int) -> None:
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    layout = LAYOUTS[name]
    with torch.device("meta"):
        parts = {
            UNet2DConditionModel(**layout["unet"]): unet,
            CLIPTextModel(CLIPTextConfig(**layout["text_encoder"])): text,
            AutoencoderKL(**layout["vae"]): 83_653_863,
        }
    for part, count in parts.items():
        assert sum(p.numel() for p in part.parameters()) == count
    heads = layout["unet"]["attention_head_dim"]  # a misnomer of diffusers: their number
    widths = layout["unet"]["block_out_channels"]
    assert heads == (8 if name == "sd15" else [width // 64 for width in widths])
    expected = "v_prediction" if name == "sd21" else "epsilon"
    assert Schedule.from_config(layout["scheduler"]).prediction_type == expected


def test_empty_parts_are_made_in_silence(caplog, monkeypatch) -> None:
    from diffusers.utils.logging import get_logger

    monkeypatch.setattr(get_logger("diffusers"), "propagate", True)  # to caplog
    parts = empty_parts(LAYOUTS["sd15"], torch.float16)
    assert caplog.messages == []
    for part in parts.values():
        assert {(p.dtype, p.device.type) for p in part.parameters()} == {(torch.float16, "meta")}


def test_random_parts_are_filled_where_the_generator_is(monkeypatch) -> None:
    """Never anywhere else: on a GPU, the numbers must not be drawn by the CPU first."""
    built: list[str] = []
    to_empty = torch.nn.Module.to_empty
    monkeypatch.setattr(
        torch.nn.Module,
        "to_empty",
        lambda m, *, device: (built.append(device), to_empty(m, device=device))[1],
    )
    first, again = (
        random_parts(TINY, torch.bfloat16, torch.Generator().manual_seed(3)) for _ in range(2)
    )
    assert {torch.device(d).type for d in built} == {"cpu"} and len(built) == 6
    for name, part in first.items():
        numbers = dict(part.named_parameters())
        assert {p.dtype for p in numbers.values()} == {torch.bfloat16}
        assert all(p.isfinite().all() for p in numbers.values())
        assert all(torch.equal(p, numbers[n]) for n, p in again[name].named_parameters())
    (positions,) = first["text_encoder"].buffers()
    assert positions.tolist() == [list(range(77))]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_random_parts_give_numbers_that_every_format_holds(dtype: torch.dtype) -> None:
    parts = random_parts(TINY, dtype, torch.Generator().manual_seed(0))
    z = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(1)).to(dtype)
    with torch.no_grad():
        context = parts["text_encoder"](torch.arange(77)[None]).last_hidden_state
        eps = parts["unet"](z, 500, context).sample
        picture = parts["vae"].decode(z).sample
    for numbers in (context, eps, picture):
        assert numbers.isfinite().all() and 0.01 < numbers.float().std() < 100


def test_a_layout_is_written_as_diffusers_reads_it(tmp_path: Path) -> None:
    from diffusers import DDIMScheduler, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTokenizer

    layout = {**LAYOUTS["sd21"]}
    layout["text_encoder"] = {**layout["text_encoder"], "pad_token_id": 0}
    write_layout(layout, toy_tokenizer(), tmp_path)
    assert UNet2DConditionModel.load_config(tmp_path / "unet")["cross_attention_dim"] == 1024
    assert DDIMScheduler.from_pretrained(tmp_path / "scheduler").config.steps_offset == 1
    assert CLIPTextConfig.from_pretrained(tmp_path / "text_encoder").num_hidden_layers == 23
    assert CLIPTokenizer.from_pretrained(tmp_path / "tokenizer").pad_token_id == 0


# -------------------------------------------------------------------------- the hub's refusals


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("GatedRepoError", "is gated: log in at .*huggingface.co/some/painter.*hf auth login"),
        ("RepositoryNotFoundError", "the hub has no 'some/painter', or it is private"),
        ("RevisionNotFoundError", "'some/painter' has no revision 'v9'"),
    ],
)
def test_the_hubs_refusals_come_with_a_way_out(monkeypatch, kind: str, says: str) -> None:
    import httpx
    import huggingface_hub
    from huggingface_hub import errors

    response = httpx.Response(403, request=httpx.Request("GET", "https://huggingface.co"))

    def refuse(*args, local_files_only: bool, **options):
        if local_files_only:
            raise errors.LocalEntryNotFoundError("not in the cache")
        raise getattr(errors, kind)("refused", response=response)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
    with pytest.raises(PainterError, match=says):
        Painter.load("some/painter", revision="v9")


def test_without_the_tokenizer_a_single_file_says_what_to_do(single, monkeypatch) -> None:
    import huggingface_hub

    def refuse(*args, **options):
        raise OSError("no network")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
    path, _ = single
    with pytest.raises(PainterError, match=rf"hf download {VISION} --revision"):
        Painter.load(path, config="sd15")
