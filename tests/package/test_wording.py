"""Numbers in sentences."""

from inst_tutorial.wording import counted


def test_only_one_thing_is_in_the_singular():
    assert [counted(n, "seed") for n in (0, 1, 2)] == ["0 seeds", "1 seed", "2 seeds"]
