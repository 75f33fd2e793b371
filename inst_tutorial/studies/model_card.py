"""The tables of the model card, written from the evaluation beside it.

    python -m inst_tutorial.studies.model_card

Run it after each evaluation. Everything else in the card is written by hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from inst_tutorial.files import atomic_path
from inst_tutorial.folders import PAINTBOX
from inst_tutorial.studies.report import cells, markdown_table, read
from inst_tutorial.studies.statistics import Measurement

BEGIN = "<!-- evaluation.json, by python -m inst_tutorial.studies.model_card -->\n\n"
END = "\n<!-- end of evaluation.json -->\n"
COLUMNS = ("What", "Value", "95 % interval", "n")

#: Columns of the second table, and how the names of their rows begin in the evaluation.
DISTANCES = {
    "Truth distance": "Truth distance ",
    "its colour part": "Colour part of the truth distance ",
    "its detail part": "Detail part of the truth distance ",
    "Texture distance": "Texture distance ",
}


def evaluation_table(rows: Sequence[Measurement]) -> str:
    """Value, interval and count of each row in Markdown, ending with a line break.

    What was measured with all four distances is in a second table.
    """
    of_all = with_all_distances(rows)
    listed = {row.name for measured in of_all.values() for row in measured}
    alone = [cells(row)[: len(COLUMNS)] for row in rows if row.name not in listed]
    tables = [markdown_table(COLUMNS, alone)]
    if of_all:
        lines = [[what, *map(with_interval, measured)] for what, measured in of_all.items()]
        tables.append(markdown_table(("", *DISTANCES), lines))
    return "\n\n".join(tables) + "\n"


def with_all_distances(rows: Sequence[Measurement]) -> dict[str, list[Measurement]]:
    """The rows of each thing, such as "with the learned word", that has one for every distance."""
    named = {row.name: row for row in rows}
    begin = DISTANCES["Truth distance"]
    things = [name.removeprefix(begin) for name in named if name.startswith(begin)]
    wanted = {thing: [kind + thing for kind in DISTANCES.values()] for thing in things}
    return {
        thing: [named[name] for name in names]
        for thing, names in wanted.items()
        if named.keys() >= set(names)
    }


def with_interval(row: Measurement) -> str:
    """A value and its interval: "21.7 CIELAB (20.3 .. 23.0)"."""
    _, value, interval, *_ = cells(row)
    return f"{value} ({interval})"


def with_table(card: str, table: str) -> str:
    """A card whose text between the two marks is the table.

    Raises ValueError for a card that has not both marks.
    """
    before, begin, rest = card.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the card needs two lines between which the table goes: {BEGIN}{END}")
    return before + begin + table + end + after


app = typer.Typer(add_completion=False)


@app.command()
def main(
    painter: Annotated[Path, typer.Option(help="A painter's folder, with its card.")] = PAINTBOX,
) -> None:
    """Write what evaluation.json says into the card (README.md) beside it."""
    path = painter / "README.md"
    table = evaluation_table(read(painter / "evaluation.json"))
    card = with_table(path.read_text(encoding="utf-8"), table)
    with atomic_path(path) as beside:
        beside.write_text(card, encoding="utf-8")
    typer.echo(path)


if __name__ == "__main__":
    app()
