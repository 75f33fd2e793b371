"""Does the book print the same on a GPU? Chapters are run there, and words learned in 16 bits.

    python -m bench.book_on_gpu            # chapters 1, 5, 9 and 10
    python -m bench.book_on_gpu --chapters book/01_beyond_words.ipynb --out checks.json

Chapters run as they are; their painters compute on the GPU because there is one. What they print
is compared with what the book says: texts must be equal, and a number may differ by 5 % or by two
of its last decimal, because a GPU adds up in another order and learning repeats that hundreds of
times. Then a word is learned in float32, in bfloat16 and in float16: rounding must
move it less than another seed does. Whatever differs is printed and written; the program ends
with an error if anything did.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from torch import Tensor

from bench.json_files import write_json
from bench.machine import device_name
from inst_tutorial.devices import best_device
from inst_tutorial.learning import LearningSettings, learn
from inst_tutorial.painter import Painter
from inst_tutorial.world import HELD_OUT, Scene, paint

BOOK = Path(__file__).resolve().parents[1] / "book"
CHAPTERS = (
    BOOK / "01_beyond_words.ipynb",
    BOOK / "05_textual_inversion.ipynb",
    BOOK / "09_stochastic_inversion.ipynb",
    BOOK / "10_style_transfer.ipynb",
)
SHARE, LAST_DECIMALS = 0.05, 2
CELL_SECONDS = 300
NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?(?![\w.]*\w)")


# -------------------------------------------------------------------------------- chapters


def differences(stored: str, printed: str) -> list[str]:
    """What differs between two texts, line by line; numbers may differ within the tolerance."""
    lines = stored.splitlines(), printed.splitlines()
    if len(lines[0]) != len(lines[1]):
        return [f"{len(lines[0])} lines became {len(lines[1])}: {printed!r}"]
    return [
        f"{old!r} became {new!r}" for old, new in zip(*lines, strict=True) if not alike(old, new)
    ]


def alike(old: str, new: str) -> bool:
    """Whether two lines have the same text and nearly the same numbers."""
    if NUMBER.sub("#", old).split() != NUMBER.sub("#", new).split():
        return False
    pairs = zip(NUMBER.findall(old), NUMBER.findall(new), strict=True)
    return all(near(one, other) for one, other in pairs)


def near(old: str, new: str) -> bool:
    """Whether a printed number is within 5 % of the old one, or two of its last decimal."""
    mantissa, _, exponent = old.partition("e")
    decimals = len(mantissa.partition(".")[2])
    last = 10.0 ** (int(exponent or 0) - decimals) if decimals else 0.0
    return abs(float(new) - float(old)) <= max(
        SHARE * abs(float(old)), 1.001 * LAST_DECIMALS * last
    )


def check_chapter(path: Path) -> list[str]:
    """Run a notebook from its folder; what it prints otherwise than it says, cell by cell.

    It ends at a cell that raises an error or takes too long, and that is the last difference.
    """
    import nbformat

    stored, run = (nbformat.read(path, as_version=4) for _ in range(2))
    ended = execute(run, path.parent)
    found: list[str] = []
    for number, (old, new) in enumerate(zip(stored.cells, run.cells, strict=True), start=1):
        if ended is not None and number == ended[0]:
            return [*found, f"cell {number}: {ended[1]}"]
        if "nbval-ignore-output" not in old.metadata.get("tags", []):
            texts = ("".join(printed(cell)) for cell in (old, new))
            found += [f"cell {number}: {line}" for line in differences(*texts)]
    return found


def execute(notebook: Any, folder: Path) -> tuple[int, str] | None:
    """Run the cells in place. None, or the number of the cell where it ended, and why."""
    from nbclient import NotebookClient
    from nbclient.exceptions import CellControlSignal, CellExecutionError, DeadKernelError

    begun = [1]
    client = NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        kernel_name="python3",
        coalesce_streams=True,
        resources={"metadata": {"path": str(folder)}},
        on_cell_start=lambda cell, cell_index: begun.append(cell_index + 1),
    )
    try:
        client.execute()
    except CellExecutionError as error:
        return begun[-1], f"{error.ename}: {error.evalue}"
    except (CellControlSignal, DeadKernelError) as error:
        return begun[-1], f"{type(error).__name__}: {error}".splitlines()[0]
    return None


def printed(cell: Any) -> Iterator[str]:
    """The text that a cell has printed; pictures and objects are left out."""
    for output in cell.get("outputs", []):
        if output.output_type == "stream" and output.name == "stdout":
            yield output.text


# ----------------------------------------------------------------------------------- words


def check_words(steps: int, device: str) -> dict[str, float]:
    """How far bfloat16 and float16 move a word that float32 learns, as a share of how far another
    seed moves it."""
    style = paint(Scene("house", "meadow"), HELD_OUT["lagoon"])
    settings = LearningSettings(steps=steps, batch=8, pairs=2, evaluate_every=steps)

    def word(dtype: torch.dtype, seed: int = 0) -> Tensor:
        """The vectors (k, d) after the last step."""
        seen: list[Tensor] = []
        learn(
            Painter.load("paintbox", dtype=dtype, device=device),
            style,
            replace(settings, seed=seed),
            progress=False,
            callback=lambda evaluation: seen.append(evaluation.vectors),
        )
        return seen[-1]

    full = word(torch.float32)
    luck = (word(torch.float32, seed=1) - full).norm()
    return {
        str(dtype).removeprefix("torch."): round(((word(dtype) - full).norm() / luck).item(), 3)
        for dtype in (torch.bfloat16, torch.float16)
    }


# ----------------------------------------------------------------------------- the command


def check(chapters: Sequence[Path], steps: int, out: Path) -> bool:
    """Run all checks and write each as soon as it is done; whether the GPU says the same."""
    result: dict[str, Any] = {"device": device_name(best_device()), "chapters": {}, "words": {}}

    for path in chapters:
        result["chapters"][path.stem] = found = check_chapter(path)
        print(f"{path.stem}: {len(found)} differences", *found, sep="\n  ", flush=True)
        write_json(out, result)
    result["words"] = check_words(steps, best_device())
    write_json(out, result)
    for name, share in result["words"].items():
        print(f"{name} moves the word {share} times as far as another seed does", flush=True)
    return not any(result["chapters"].values()) and max(result["words"].values()) < 1


def main(
    chapters: Annotated[list[Path] | None, typer.Option(help="Notebooks; may be repeated.")] = None,
    steps: Annotated[int, typer.Option(min=1, help="Learning steps of a word.")] = 20,
    out: Annotated[Path, typer.Option(help="Where the JSON goes.")] = Path(
        "_build/book_on_gpu.json"
    ),
) -> None:
    """Run chapters and learn words on the GPU; compare with the book."""
    if not check(chapters or CHAPTERS, steps, out):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
