"""The command line: chains that work, errors in one line, and no output left behind."""

import inspect
import re
import shlex
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
import typer
from PIL import Image
from tiny import toy_picture
from typer.testing import CliRunner

from inst_tutorial import __version__, cli
from inst_tutorial.cli.options import LearningOptions, PainterOptions, Saver
from inst_tutorial.configs import PainterError
from inst_tutorial.learning import LearningSettings
from inst_tutorial.memory import SAVERS
from inst_tutorial.painter import Painter
from inst_tutorial.style_transfer import TransferSettings
from inst_tutorial.words import Word
from inst_tutorial.world import HELD_OUT, Scene, paint

COMMAND = typer.main.get_command(cli.app)
FAST = ["--steps", "2"]


def inst(*arguments):
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


def run(*arguments):
    """In a process of its own, as a user runs it."""
    command = [sys.executable, "-m", "inst_tutorial.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


@pytest.fixture
def picture(tmp_path):
    toy_picture(1).save(tmp_path / "picture.png")
    return tmp_path / "picture.png"


@pytest.fixture(scope="module")
def word(tmp_path_factory, sd1_folder):
    folder = tmp_path_factory.mktemp("word")
    toy_picture(7).save(folder / "style.png")
    out = folder / "word.safetensors"
    result = inst("learn", folder / "style.png", "-o", out, "--painter", sd1_folder, *FAST)
    assert result.exit_code == 0, result.output
    return out


def refused(result, *parts):
    """One line on stderr that says why, exit code 2."""
    lines = result.stderr.strip().splitlines()
    assert result.exit_code == 2 and lines[-1].startswith("inst: "), result.output
    assert "Traceback" not in result.stderr
    for part in parts:
        assert str(part) in lines[-1]


# ------------------------------------------------------------------------------- the chain


def test_learn_writes_a_word_and_says_the_loss(word, tmp_path, picture, sd1_folder):
    assert Word.load(word).vectors.shape == (1, 32)
    out = tmp_path / "new" / "two.safetensors"
    chosen = ["--kind", "patches", "--vectors", 2, "--seed", 4, *FAST]
    result = inst("learn", picture, picture, "-o", out, "--painter", sd1_folder, *chosen)
    assert result.exit_code == 0 and str(out) in result.stdout and "loss" in result.stdout
    learned = Word.load(out)
    assert learned.vectors.shape == (2, 32)
    assert learned.info["settings"]["kind"] == "patches" and learned.info["settings"]["seed"] == 4


def test_learning_starts_from_a_word(word, tmp_path, picture, sd1_folder):
    out, options = tmp_path / "on.safetensors", ["--painter", sd1_folder, *FAST]
    result = inst("learn", picture, "-o", out, "--kind", "free", "--start", word, *options)
    assert result.exit_code == 0
    assert Word.load(out).info["settings"]["start"] == Word.load(word).fingerprint
    refused(inst("learn", picture, "-o", out, "--start", word, *options), "only kind 'free'")


def test_a_word_at_a_glance(tmp_path, sd1_folder, picture):
    style, out = tmp_path / "style.png", tmp_path / "glance.safetensors"
    paint(Scene("house", "meadow")).save(style)
    result = inst("learn", style, "--at-a-glance", "-o", out)
    assert result.exit_code == 0 and result.stdout.split() == [str(out)]
    assert Word.load(out).info["kind"] == "glance"
    export = inst("export", out, "-o", tmp_path / "out.safetensors", "--token", "house")
    refused(export, "paintbox already knows the word 'house'")
    refused(inst("learn", style, "--at-a-glance", "--steps", 5, "-o", out), "learns nothing")
    other = inst("learn", picture, "--at-a-glance", "-o", out, "--painter", sd1_folder)
    refused(other, "no map from pictures to words")


def test_transfer_repaints_one_picture(tmp_path, picture, word, sd1_folder):
    out = tmp_path / "out.webp"
    result = inst("transfer", picture, "-w", word, "-o", out, "--painter", sd1_folder, *FAST)
    assert result.exit_code == 0 and result.stdout.split() == [str(out)]
    assert Image.open(out).size == (32, 32)


def test_transfer_repaints_several_pictures_into_a_folder(tmp_path, picture, word, sd1_folder):
    out = tmp_path / "results"
    options = ["-w", word, "-o", out, "--painter", sd1_folder, "--adain", picture, *FAST]
    result = inst("transfer", picture, picture, *options)
    assert result.exit_code == 0, result.output
    assert sorted(p.name for p in out.iterdir()) == ["00-picture.png", "01-picture.png"]


def test_several_pictures_go_into_the_folder_that_was_named(tmp_path, picture, word, sd1_folder):
    out = tmp_path / "results.v2"
    options = ["-w", word, "--painter", sd1_folder, *FAST]
    assert inst("transfer", picture, picture, "-o", out, *options).exit_code == 0
    assert len(list(out.iterdir())) == 2
    result = inst("transfer", picture, picture, "-o", tmp_path / "results.png", *options)
    refused(result, "results.png", "folder")


def test_transfer_without_a_word_follows_the_prompt(tmp_path, picture, sd1_folder):
    out = tmp_path / "out.png"
    options = ["-p", "a warm painting", "--inversion", "noise", "--strength", "1.0", *FAST]
    assert inst("transfer", picture, "-o", out, "--painter", sd1_folder, *options).exit_code == 0
    assert out.exists()


def test_draw_and_invert(tmp_path, picture, word, sd1_folder):
    drawn, inverted = tmp_path / "drawn.png", tmp_path / "inverted.png"
    options = ["-w", word, "--painter", sd1_folder, *FAST]
    assert inst("draw", "a cat in the style of *", "-o", drawn, *options).exit_code == 0
    result = inst("invert", picture, "-o", inverted, "--painter", sd1_folder, *FAST)
    assert result.exit_code == 0, result.output
    assert "network calls" in result.stdout and "latent error" in result.stdout
    assert Image.open(drawn).size == Image.open(inverted).size == (32, 32)


@pytest.mark.parametrize("inversion", ["stochastic", "official"])
def test_the_progress_bar_is_as_long_as_the_denoising(
    tmp_path, picture, sd1_folder, inversion, monkeypatch
):
    seen = []

    @contextmanager
    def bar(total, doing):
        steps = []
        yield lambda *step: steps.append(step)
        seen.append((total, len(steps)))

    monkeypatch.setattr("inst_tutorial.cli.method.progress_bar", bar)
    options = ["--inversion", inversion, "--steps", 5, "--strength", 0.75]  # 3.75 steps
    back = inst("invert", picture, "-o", tmp_path / "out.png", "--painter", sd1_folder, *options)
    assert back.exit_code == 0, back.output
    assert seen == [{"stochastic": (4, 4), "official": (3, 3)}[inversion]]


@pytest.mark.parametrize("kind", ["diffusers", "a1111"])
def test_export_keeps_the_vectors(tmp_path, word, kind):
    out = tmp_path / "embedding.safetensors"
    assert inst("export", word, "-o", out, "--kind", kind, "--token", "<mine>").exit_code == 0
    from safetensors.torch import load_file

    (name, vectors), *_ = load_file(out).items()
    assert name == {"diffusers": "<mine>", "a1111": "emb_params"}[kind]
    assert vectors.equal(Word.load(word).vectors)


def test_info_says_what_the_painter_is_made_of(sd1_folder, sd1_painter):
    result = inst("info", "--painter", sd1_folder)
    assert result.exit_code == 0
    for part in ("32 x 32 pixels", "4 channels of 16 x 16", "UNet2DConditionModel", "epsilon"):
        assert part in result.stdout


def test_info_says_how_a_word_was_learned(word):
    result = inst("info", "--word", word)
    assert result.exit_code == 0
    lines = dict(line.split(maxsplit=1) for line in result.stdout.splitlines())
    assert lines["kind"] == "pooled" and lines["size"].startswith("1 x ")
    first, last = map(float, lines["loss"].split(" -> "))
    assert last <= first
    refused(inst("info", "--word", "README.md"), "is not a word")


@pytest.mark.slow
def test_demo_draws_one_figure_and_prints_the_distances(tmp_path, sd1_folder):
    out = tmp_path / "demo.webp"
    result = inst("demo", "-o", out, "--painter", sd1_folder, "--steps", 1)
    assert result.exit_code == 0, result.output
    width, height = Image.open(out).size
    assert width > 1.5 * height > 500
    for name in ("content", "word, 0.5", "word, 0.65", "word, 0.8", "caption, 0.8", out):
        assert str(name) in result.stdout


def test_info_lists_the_words_of_a_painter_that_knows_only_some(sd1_folder):
    listed = inst("info", "--words").stdout
    for part in (
        "subjects (12):",
        "lighthouse",
        "by the sea",
        "at sunset",
        "swirling",
        "lagoon",
        "*",
    ):
        assert (part in listed) == (part != "*")
    refused(inst("info", "--words", "--painter", sd1_folder), "spells any word")


@pytest.mark.slow
def test_the_demo_keeps_its_word_and_its_pictures(tmp_path, sd1_folder):
    out = tmp_path / "figure.webp"
    assert inst("demo", "-o", out, "--painter", sd1_folder, "--steps", 1).exit_code == 0
    kept = {path.name for path in (tmp_path / "figure").iterdir()}
    named = ("style.png", "word.safetensors", "cat-content.png", "cat-word-0.8.png")
    assert kept >= {*named, "cat-caption-0.8.png", "cat-truth.png"} and len(kept) == 2 + 3 * 6
    assert Word.load(tmp_path / "figure" / "word.safetensors").vectors.shape == (1, 32)


def test_the_seed_decides(tmp_path, picture, word, sd1_folder):
    outs = [tmp_path / f"{i}.png" for i in range(3)]
    for out, seed in zip(outs, (1, 1, 2), strict=True):
        options = ["--seed", seed, "--painter", sd1_folder, *FAST]
        assert inst("transfer", picture, "-w", word, "-o", out, *options).exit_code == 0
    first, again, other = (out.read_bytes() for out in outs)
    assert first == again != other


# -------------------------------------------------------------------------------- the world


def test_a_transfer_without_a_word_says_what_to_give(tmp_path):
    result = inst("transfer", tmp_path / "any.png", "-o", tmp_path / "out.png")
    assert result.exit_code == 2 and "--word FILE" in result.stderr
    assert not (tmp_path / "out.png").exists()


def test_paint_paints_scenes_in_styles(tmp_path):
    options = ["--count", 2, "--seed", 5, "--subject", "cat", "--setting", "sea"]
    styles = ["--style", "photo", "--style", "starry"]
    result = inst("paint", "-o", tmp_path, *options, *styles)
    assert result.exit_code == 0 and "cat by the sea" in result.stdout
    names = [f"{n:04}-cat-{style}.png" for n in (5, 6) for style in ("photo", "starry")]
    assert sorted(p.name for p in tmp_path.iterdir()) == names
    scene = Scene.sample(6, subject="cat", setting="sea")
    assert Image.open(tmp_path / names[3]).tobytes() == paint(scene, HELD_OUT["starry"]).tobytes()


def test_paint_with_truths_paints_every_held_out_style(tmp_path):
    assert inst("paint", "-o", tmp_path, "--truths", "--subject", "cat").exit_code == 0
    assert {p.stem.removeprefix("0000-cat-") for p in tmp_path.iterdir()} == {"photo", *HELD_OUT}


def test_paint_lists_what_there_is(tmp_path):
    out = tmp_path / "painted"
    listed = inst("paint", "--list", "-o", out).stdout
    for name in ("lighthouse", "sea", "sunset", "photo", "stained-glass", *HELD_OUT):
        assert name in listed
    assert not out.exists()


def test_paint_refuses_what_the_world_has_not(tmp_path):
    out = tmp_path / "painted"
    refused(inst("paint", "-o", out, "--style", "cubist"), "'cubist'", "starry")
    refused(inst("paint", "-o", out, "--subject", "dragon"), "'dragon'", "lighthouse")
    assert not out.exists()


# ----------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(("option", "value"), [("--steps", "0"), ("--guidance", "-3")])
@pytest.mark.parametrize("command", [("draw", "a house"), ("transfer", "cat.png", "-p", "a house")])
def test_settings_are_checked_before_the_painter_is_loaded(command, option, value, tmp_path):
    started = (*command, "--painter", tmp_path / "none", option, value)
    refused(inst(*started), option.removeprefix("--"), value)


def make_missing(path):
    pass


def make_empty(path):
    path.write_bytes(b"")


def make_text(path):
    path.write_text("this is not a picture")


def make_truncated(path):
    toy_picture(1, 64).save(path)
    path.write_bytes(path.read_bytes()[:200])


def make_animated(path):
    frames = [toy_picture(seed) for seed in (1, 2)]
    frames[0].save(path, save_all=True, append_images=frames[1:], format="PNG")


def make_folder(path):
    path.mkdir()


BAD = [make_missing, make_empty, make_text, make_truncated, make_animated, make_folder]


@pytest.mark.parametrize("make", BAD)
@pytest.mark.parametrize("command", ["transfer", "learn", "invert"])
def test_bad_pictures_are_refused_and_no_output_is_left(tmp_path, word, sd1_folder, command, make):
    bad = tmp_path / "bad.png"
    make(bad)
    before = sorted(tmp_path.iterdir())
    out = tmp_path / ("out.safetensors" if command == "learn" else "out.png")
    options = ["-w", word] if command == "transfer" else []
    result = inst(command, bad, "-o", out, "--painter", sd1_folder, *options)
    refused(result, bad)
    assert sorted(tmp_path.iterdir()) == before


def test_one_bad_picture_among_good_ones_leaves_nothing(tmp_path, picture, word, sd1_folder):
    make_text(tmp_path / "bad.png")
    out = tmp_path / "out"
    options = ["-w", word, "-o", out, "--painter", sd1_folder, *FAST]
    refused(inst("transfer", picture, tmp_path / "bad.png", *options), "bad.png")
    assert not out.exists()


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_seeds_that_no_generator_takes_are_refused(tmp_path, sd1_folder, seed):
    out = tmp_path / "out.png"
    result = inst("draw", "a cat", "--seed", seed, "-o", out, "--painter", sd1_folder)
    assert result.exit_code == 2 and "seed" in result.stderr and not out.exists()


def test_bad_words_are_refused(tmp_path, picture, sd1_folder):
    bad, out = tmp_path / "word.safetensors", tmp_path / "out.png"
    result = inst("transfer", picture, "-w", bad, "-o", out, "--painter", sd1_folder)
    refused(result, bad, "no such file")
    assert "pickle" not in result.stderr
    make_text(bad)
    refused(inst("export", bad, "-o", tmp_path / "embedding.safetensors"), bad)
    refused(inst("draw", "a cat by *", "-w", bad, "-o", out, "--painter", sd1_folder), bad)
    assert not out.exists() and not (tmp_path / "embedding.safetensors").exists()


def test_a_word_of_another_painter_is_refused(tmp_path, picture, word, sd2_folder):
    out = tmp_path / "out.png"
    refused(inst("transfer", picture, "-w", word, "-o", out, "--painter", sd2_folder), "40")
    assert not out.exists()


def test_prompts_that_do_not_fit_the_word_are_refused(tmp_path, picture, word, sd1_folder):
    options = ["-o", tmp_path / "out.png", "--painter", sd1_folder]
    refused(inst("transfer", picture, "-w", word, "-p", "a cat", *options), "'a cat'", "*")
    refused(inst("transfer", picture, *options), "*")
    refused(inst("draw", "a cat", "-w", word, *options), "'a cat'", "*")
    assert not (tmp_path / "out.png").exists()


def test_settings_and_painters_that_make_no_sense_are_refused(tmp_path, picture, word, sd1_folder):
    out = ["-w", word, "-o", tmp_path / "out.png"]
    options = [*out, "--painter", sd1_folder]
    refused(inst("transfer", picture, "-s", "1.5", *options), "strength", "1.5")
    refused(inst("transfer", picture, "--device", "nowhere", *options), "device 'nowhere'")
    refused(inst("transfer", picture, *out, "--painter", tmp_path), tmp_path)
    refused(inst("learn", picture, "--steps", 0, "--painter", sd1_folder), "steps", "0")
    refused(inst("demo", "--style", "cubist", "--painter", sd1_folder), "'cubist'", "starry")
    assert not (tmp_path / "out.png").exists()


def test_an_output_that_cannot_be_written_is_refused_before_the_work(tmp_path, picture, word):
    nowhere = ["--painter", tmp_path / "no-painter"]  # never reached
    refused(inst("transfer", picture, "-w", word, "-o", tmp_path / "a.txt", *nowhere), ".png")
    refused(inst("learn", picture, "-o", tmp_path / "word.pt", *nowhere), ".safetensors")
    refused(inst("draw", "a cat", "-o", tmp_path / "drawn", *nowhere), ".png")
    refused(inst("demo", "-o", tmp_path / "demo.pdf", *nowhere), ".webp")
    for out in (picture / "below" / "out.png", tmp_path / "folder.png"):
        (tmp_path / "folder.png").mkdir(exist_ok=True)
        refused(inst("transfer", picture, "-w", word, "-o", out, *nowhere), f"cannot write {out}")
        refused(inst("draw", "a cat", "-o", out, *nowhere), f"cannot write {out}")
    below = picture / "below"
    refused(inst("transfer", picture, picture, "-w", word, "-o", below, *nowhere), below)
    refused(inst("paint", "-o", below), f"cannot write {below}")


def test_pictures_and_prompts_are_checked_before_the_painter_is_loaded(tmp_path, picture, word):
    nowhere = ["--painter", tmp_path / "no-painter"]  # never reached
    make_text(tmp_path / "bad.png")
    for command in ("transfer", "learn", "invert"):
        options = ["-w", word] if command == "transfer" else []
        refused(inst(command, tmp_path / "bad.png", *options, *nowhere), "bad.png")
    refused(inst("transfer", picture, "-w", word, "--adain", tmp_path / "bad.png", *nowhere), "bad")
    for command in ("transfer", "invert"):
        refused(inst(command, picture, "-w", word, "-p", "a cat", *nowhere), "'a cat'", "*")
        refused(inst(command, picture, "-p", "a cat by *", *nowhere), "--word FILE")
    refused(inst("draw", "a cat by *", *nowhere), "--word FILE")


@pytest.mark.slow
def test_a_prompt_that_is_too_long_gives_one_clear_message(tmp_path):
    result = run("draw", "a red house " * 20, "-o", tmp_path / "out.png", "--steps", 1)
    assert result.returncode == 2 and "reads at most" in result.stderr
    assert "Token indices" not in result.stderr and "drawing" not in result.stderr


COMMANDS = {
    "learn": ["picture.png", "-o", "word.safetensors"],
    "learn-many": [".", "-o", "words"],
    "transfer": ["picture.png", "-p", "a cat", "-o", "out.png"],
    "draw": ["a cat", "-o", "out.png"],
    "invert": ["picture.png", "-o", "out.png"],
    "convert": ["embeddings.pt", "--style", "picture.png"],
    "info": [],
    "demo": [],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_says_what_is_in_a_single_file(command, tmp_path, picture, monkeypatch):
    def load(source, *, config, **options):
        raise PainterError(f"{source} was asked for as {config}")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Painter, "load", load)
    monkeypatch.setattr("inst_tutorial.official.read_official", lambda path: None)
    options = ["--painter", "one.safetensors", "--config", "sd21"]
    refused(inst(command, *COMMANDS[command], *options), "one.safetensors was asked for as sd21")


def test_unknown_memory_savers_are_refused_before_the_work(tmp_path, picture):
    assert [*Saver] == [*SAVERS]
    for command in ("learn", "learn-many", "transfer"):
        result = inst(command, picture, "-o", tmp_path / "out", "--save-memory", "magic")
        assert result.exit_code == 2 and "'magic'" in result.stderr and "offload" in result.stderr
    assert list(tmp_path.iterdir()) == [picture]


def test_an_output_folder_that_is_a_file_is_refused(tmp_path, picture):
    refused(inst("paint", "-o", picture / "below"), picture)


def test_bugs_keep_their_traceback(monkeypatch):
    def broken(*arguments):
        raise ValueError("a bug")

    monkeypatch.setattr(PainterOptions, "load", broken)
    result = inst("info")
    assert isinstance(result.exception, ValueError) and "inst: " not in result.output


def test_an_interruption_is_one_line(monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(PainterOptions, "load", interrupted)
    result = inst("info")
    assert result.exit_code == 130 and result.stderr.strip() == "inst: interrupted"


def test_a_folder_of_styles_is_for_another_command(tmp_path, picture):
    refused(inst("learn", tmp_path, "--painter", "nowhere"), f"inst learn-many {tmp_path}")


def test_a_device_that_is_not_there_is_refused(tmp_path, picture):
    refused(inst("learn", picture, "--device", "abacus"), "'abacus'", "Without --device")


# ------------------------------------------------------------------------------ as a program


def test_version_and_help():
    assert inst("--version").stdout.split() == ["inst", __version__]
    helped = inst("--help").stdout
    for command in ("learn", "transfer", "draw", "invert", "paint", "export", "info", "demo"):
        assert command in helped and inst(command, "--help").exit_code == 0


def test_help_loads_nothing_heavy():
    heavy = "{'torch', 'diffusers', 'transformers', 'numpy', 'matplotlib'}"
    code = f"import sys, inst_tutorial.cli; print(sorted({heavy} & sys.modules.keys()))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == "[]", result.stderr


def test_a_process_ends_with_code_2_and_one_line(tmp_path):
    result = run("paint", "-o", tmp_path / "painted", "--style", "cubist")
    assert result.returncode == 2 and result.stdout == ""
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("inst: ") and "'cubist'" in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_process_refuses_unknown_options_and_runs_good_ones(tmp_path):
    assert run("paint", "--colour", "red").returncode == 2
    result = run("paint", "-o", tmp_path)
    assert result.returncode == 0 and Path(result.stdout.splitlines()[-1]).exists()


@pytest.mark.parametrize(
    ("group", "settings"),
    [
        (LearningOptions, LearningSettings),
        (cli.method.transfer, TransferSettings),
        (cli.method.invert, TransferSettings),
    ],
)
def test_defaults_are_those_of_the_package(group, settings):
    expected = vars(settings())
    parameters = inspect.signature(group).parameters.values()
    given = {p.name: p.default for p in parameters if p.name in expected and p.name != "adain"}
    differing = {"inversion", "prompt"} if group is cli.method.invert else set()
    assert len(given) >= 5
    assert all(expected[name] == given[name] for name in given.keys() - differing)


@pytest.mark.parametrize("name", [command.name for command in COMMAND.commands.values()])
def test_every_command_has_examples_that_it_understands(name):
    command = COMMAND.commands[name]
    examples = re.findall(r"^- `inst (.+)`$", command.help, flags=re.MULTILINE)
    assert examples
    for example in examples:
        first, *arguments = shlex.split(example)
        assert first == name
        command.make_context(name, arguments)


# -------------------------------------------------------- small things that people really type


def test_too_many_vectors_are_refused_before_anything_is_loaded(tmp_path, picture):
    out = tmp_path / "word.safetensors"
    result = inst("learn", picture, "--vectors", 10**9, "--painter", tmp_path, "-o", out)
    refused(result, "vectors must be 1,000 or less", "1,000,000,000")
    assert not out.exists()


def test_paint_writes_one_picture_to_the_name_of_a_picture(tmp_path):
    result = inst("paint", "-o", tmp_path / "house.png")
    assert result.exit_code == 0
    assert Image.open(tmp_path / "house.png").size == (128, 128)


def test_a_folder_of_contents_gets_the_command_for_its_pictures(tmp_path, word, sd1_folder):
    result = inst("transfer", tmp_path, "-w", word, "--painter", sd1_folder)
    refused(result, f"inst transfer {tmp_path}/*")
