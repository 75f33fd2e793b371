"""The experiments: whole, repeatable, resumable, and honest about what is independent."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny import tiny_reader
from typer.testing import CliRunner

from inst_tutorial.figures import COLOURS
from inst_tutorial.learning import (
    LEARNING_RATES,
    EvaluationPairs,
    LearningSettings,
    evaluate_loss,
)
from inst_tutorial.metrics import texture_distance, truth_distance, truth_parts
from inst_tutorial.painter import Painter
from inst_tutorial.pictures import to_tensor
from inst_tutorial.studies import experiments
from inst_tutorial.studies.case import Case
from inst_tutorial.studies.claims import CLAIMS, COLUMNS, findings
from inst_tutorial.studies.comparisons import Comparisons
from inst_tutorial.studies.experiments import app, run, with_copies
from inst_tutorial.studies.matched_rate import matched_rate
from inst_tutorial.studies.methods import COPIES, DRAWINGS, LEARNERS, MATCHED, METHODS
from inst_tutorial.studies.plan import CONTENTS, STYLE_SCENES, Plan
from inst_tutorial.studies.report import dots, gain_text, markdown_table, mean_text
from inst_tutorial.studies.results import Results
from inst_tutorial.studies.statistics import interval, verdict
from inst_tutorial.style_transfer import transfer
from inst_tutorial.world import HELD_OUT, paint, style_words

pytestmark = pytest.mark.slow

SECONDS = experiments.seconds
TINY = replace(Plan.quick(), styles=1, steps=1, pairs=1, sampling=replace(Plan().sampling, steps=3))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tiny random painter that reads the world's captions."""
    folder = tmp_path_factory.mktemp("tiny-paintbox")
    tiny_reader().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def painter(folder):
    return Painter.load(folder, device="cpu")


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module", autouse=True)
def untimed():
    """Runs do not measure how long learning takes; one test does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(experiments, "seconds", lambda painter, plan: {})
        yield


@pytest.fixture(scope="module")
def results(folder, work):
    return run(TINY, str(folder), work, progress=False)


# ------------------------------------------------------------------------------- the plan


def test_the_book_has_enough_styles_contents_and_seeds():
    plan = Plan()
    assert (plan.styles, plan.contents, plan.seeds) == (14, 8, 3)
    assert (plan.steps, plan.batch) == (LearningSettings().steps, LearningSettings().batch)
    assert len(set(plan.cases)) == plan.styles * plan.seeds
    assert {style for style, _ in plan.cases} == set(HELD_OUT)


def test_however_many_cases_are_finished_no_style_is_far_ahead():
    cases = Plan(styles=3, seeds=3).cases
    for many in range(1, len(cases) + 1):
        finished = [style for style, _ in cases[:many]]
        counts = [finished.count(style) for style in list(HELD_OUT)[:3]]
        assert max(counts) - min(counts) <= 1


def test_curves_have_a_point_at_a_fifth_of_the_steps():
    for steps in (5, 50, Plan().steps):
        settings = Plan(steps=steps).learner("InST", 0)
        assert steps / 5 % settings.evaluate_every == 0


def test_no_content_is_a_style_picture():
    assert not {scene.seed for scene in CONTENTS} & {scene.seed for scene in STYLE_SCENES}
    assert len({scene.subject for scene in (*CONTENTS, *STYLE_SCENES)}) == 11


def test_every_method_uses_a_learner_that_there_is():
    methods = [*METHODS.values(), *DRAWINGS.values()]
    assert {method.learner for method in methods} - {""} <= set(LEARNERS)
    assert all(("*" in method.prompt) == bool(method.learner) for method in methods)


@pytest.mark.parametrize("wrong", [{"styles": 15}, {"contents": 0}, {"seeds": 4}, {"steps": 0}])
def test_a_plan_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Plan(**wrong)


# ---------------------------------------------------------------------------- the results


def test_every_method_is_measured_on_every_content(results):
    found = {
        (r["method"], r["strength"], r["style"], r["content"]) for r in results.rows("transfers")
    }
    methods = [(n, s) for n, m in METHODS.items() for s in m.strengths] + [(n, 0) for n in COPIES]
    styles = list(HELD_OUT)[:1]
    assert found == {(*one, style, i) for one in methods for style in styles for i in range(2)}
    numbers = [v for row in results.rows("transfers") for v in row.values() if v is not None]
    assert all(math.isfinite(v) for v in numbers if not isinstance(v, str))
    assert {r["method"] for r in results.rows("drawings")} == {
        *DRAWINGS,
        "another painting",
        "photograph",
    }


def test_copies_are_as_far_as_copies_are(results):
    means = {name: results.by_style("truth", method=name).mean() for name in COPIES}
    assert results.by_style("structure", method="content").max() == 0
    assert results.by_style("palette", method="style picture").max() == 0
    assert means["truth, other strokes"] < means["recoloured content"] < means["content"]


def test_a_perfect_reader_and_a_colour_transfer_are_measured(painter, results):
    trial = Case(painter, TINY, "starry", 0).trial
    pictures = {"colour transfer": trial.colour_transferred, "perfect reader": trial.readings(0)}
    for name, made in pictures.items():
        rows = results.rows("transfers", method=name)
        assert [row["truth"] for row in rows] == pytest.approx(trial.truth_distances(made))


def test_the_rows_without_diffusion_can_be_measured_alone(folder, results, monkeypatch):
    """Rows that were added later come to their places, and all other numbers stay."""
    kept = [row for row in results.tables["transfers"] if row["method"] != "colour transfer"]
    old = Results({**results.about, "copies": {}}, {**results.tables, "transfers": kept})
    monkeypatch.setattr(Case, "learned", lambda *_: pytest.fail("learned a word"))
    again = with_copies(old, str(folder), progress=False)
    assert again.tables == results.tables and again.about == results.about


def test_rows_of_other_weights_are_not_mixed(folder, results):
    other = Results({**results.about, "fingerprint": "other"}, results.tables)
    with pytest.raises(ValueError, match=r"the weights other, and .* has .*: measure everything"):
        with_copies(other, str(folder), progress=False)


def test_new_rows_come_first_in_their_style_and_seed():
    def row(style, seed, method, x):
        return {"style": style, "seed": seed, "method": method, "x": x}

    old = [row("a", 0, "m", 1), row("a", 0, "n", 2), row("b", 0, "n", 3), row("a", 1, "n", 4)]
    new = [row("a", 0, "m", 5), row("b", 0, "m", 6), row("a", 1, "m", 7)]
    merged = Results({}, {"t": old, "other": old}).with_rows("t", new)
    assert merged.tables["t"] == [new[0], old[1], new[1], old[2], new[2], old[3]]
    assert merged.tables["other"] == old


def test_every_method_of_the_file_is_known(results):
    assert results.methods == [*COPIES, *METHODS]


def test_curves_begin_at_step_0_and_have_a_reference(results):
    for name in LEARNERS:
        for row in results.rows("curves", learner=name):
            assert row["curve"]["step"] == [0, 1]
            assert len(row["curve"]["loss"]) == len(row["curve"]["others"]) == 2
    (one,) = results.rows("references")
    assert set(one["loss"]) == set(one["others"]) == {"empty", "caption", "full caption"}


def test_references_are_losses_on_the_learners_own_pairs(painter, results):
    """A free vector that never moves is the word it started from."""
    case = Case(painter, TINY, "starry", 0)
    start = results.rows("curves", learner="free vector", style="starry")[0]["curve"]["loss"][0]
    pairs = EvaluationPairs.draw(
        painter, [case.trial.style_picture], TINY.pairs, torch.Generator().manual_seed(0)
    )
    said = evaluate_loss(painter, pairs, painter.embed("painting"))
    assert start == pytest.approx(said, rel=1e-5)


def test_a_row_can_be_had_again_by_hand(painter, results):
    case = Case(painter, TINY, "starry", 0)
    style = HELD_OUT["starry"]
    contents = [paint(scene, size=32) for scene in CONTENTS[:2]]
    settings = replace(TINY.sampling, prompt=style_words(style), strength=0.95)
    settings = replace(settings, inversion="noise")
    repainted = transfer(painter, contents, None, settings)
    truths = [paint(scene, style, size=32) for scene in CONTENTS[:2]]
    rows = results.rows("transfers", method="caption, plain noise", strength=0.95, style="starry")
    by_hand = [truth_distance(a, b) for a, b in zip(repainted, truths, strict=True)]
    assert [row["truth"] for row in rows] == pytest.approx(by_hand, rel=1e-4)
    assert case.trial.truths == truths


def test_a_walk_may_start_from_the_truth(painter, results):
    case = Case(painter, TINY, "starry", 0)
    word = case.learned("InST")
    walked = case.trial.repaint_truths(word, TINY.sampling)
    by_hand = case.trial.truth_distances(walked)
    rows = results.rows("transfers", method="walk from the truth")
    assert [row["truth"] for row in rows] == pytest.approx(by_hand, rel=1e-4)
    assert [row["truth"] for row in results.rows("transfers", method="InST", strength=0.8)] != [
        row["truth"] for row in rows
    ]


def test_the_parts_of_a_row_are_distances_to_the_truth(painter, results):
    trial = Case(painter, TINY, "starry", 0).trial
    rows = results.rows("transfers", method="recoloured content")
    for row, result, truth in zip(rows, trial.recoloured, trial.truths, strict=True):
        assert row["detail"] == truth_parts(result, truth)[1] < row["truth"]
        assert row["strokes"] == texture_distance(result, truth)


def test_the_matched_rate_moves_a_free_vector_as_fast_as_the_embedder(painter):
    """As far as one vector of CLIP and its affine map go."""
    picture = Case(painter, TINY, "starry", 0).trial.style_picture
    x = painter.image_features(to_tensor(picture)).pooled[0]  # (d_v,)
    affine = torch.nn.Linear(len(x), 5)
    before = affine(x).detach()
    optimizer = torch.optim.Adam(affine.parameters(), lr=1e-3)
    affine(x).sum().backward()
    optimizer.step()
    moved = (affine(x) - before).abs()  # (5,)
    expected = matched_rate(painter, picture, 1e-3)
    assert moved.tolist() == pytest.approx([expected] * 5, rel=1e-3)


def test_only_the_matched_learner_has_a_rate_of_its_own(painter, results):
    case = Case(painter, TINY, "starry", 0)
    rates = {row["learner"]: row["rate"] for row in results.rows("curves")}
    assert rates[MATCHED] == matched_rate(painter, case.trial.style_picture)
    assert rates["free vector"] == LEARNING_RATES["free"]
    assert rates["InST"] == rates["no dropout"] == LEARNING_RATES["pooled"]


def test_drawings_say_the_content_and_the_style(painter):
    case, seen = Case(painter, TINY, "starry", 0), []
    painter_embed = painter.embed
    try:
        painter.embed = lambda prompts, word=None: (
            seen.append(prompts),
            painter_embed(prompts, word),
        )[1]
        word = case.learned("free vector")
        case.drawn(DRAWINGS["best caption"], None)
        case.drawn(DRAWINGS["free vector"], word)
    finally:
        del painter.embed
    with_caption, with_word = [prompts for prompts in seen if isinstance(prompts, list)]
    assert with_caption[0].startswith(
        "a red lighthouse by the sea at sunset in the style of an oil painting"
    )
    assert with_word[1].endswith("in the style of *")


def test_seconds_are_of_a_step_and_of_what_comes_before(painter, monkeypatch):
    """And a slow round does not count."""
    before, rounds = {"free": 5.0, "pooled": 7.0}, iter([9.0] * 4 + [0.0] * 8)

    def taken(learn):
        _, picture, settings = learn.args
        assert picture.size == (32, 32)
        return before[settings.kind] + 0.5 * settings.steps + next(rounds)

    monkeypatch.setattr(experiments, "_cpu_seconds", taken)
    assert SECONDS(painter, TINY) == {
        "free vector": {"start": 5.0, "step": 0.5},
        "InST": {"start": 7.0, "step": 0.5},
    }


# ------------------------------------------------------------------------------- the file


def test_a_file_comes_back_as_it_was_written(tmp_path, results):
    read = Results.load(results.save(tmp_path / "new" / "x.json"))
    assert read.about["fingerprint"] == results.about["fingerprint"]
    assert Plan.stored(read.about["plan"]) == TINY
    for table, rows in results.tables.items():
        assert list(read.tables[table][0]) == list(rows[0])
        assert len(read.tables[table]) == len(rows)
    wanted = {"metric": "truth", "method": "InST", "strength": 0.8}
    assert read.by_style(**wanted) == pytest.approx(results.by_style(**wanted), rel=1e-4)


def test_asking_for_what_is_not_there_says_so(results):
    with pytest.raises(KeyError, match="no row"):
        results.rows("transfers", method="magic")


def test_the_fingerprint_is_that_of_the_weights(folder, results):
    painter = Painter.load(folder, device="cpu")
    assert results.belongs_to(painter)
    next(painter.vae.parameters()).data.add_(1e-3)
    assert not results.belongs_to(painter)
    assert len(painter.fingerprint()) == 16


def test_finished_cases_are_not_computed_again(folder, work, results, monkeypatch):
    monkeypatch.setattr(Case, "tables", lambda self: pytest.fail("computed again"))
    assert run(TINY, str(folder), work, progress=False).tables == results.tables


def test_a_cut_run_goes_on_and_ends_with_the_same_numbers(folder, tmp_path, monkeypatch):
    plan, finished, tables = replace(TINY, styles=2), [], Case.tables

    def cut(case):
        if finished:
            raise KeyboardInterrupt
        finished.append(case.name)
        return tables(case)

    monkeypatch.setattr(Case, "tables", cut)
    with pytest.raises(KeyboardInterrupt):
        run(plan, str(folder), tmp_path / "cut", progress=False)
    assert len(list((tmp_path / "cut").iterdir())) == 1  # whole, and nothing else
    monkeypatch.setattr(Case, "tables", tables)
    gone_on = run(plan, str(folder), tmp_path / "cut", progress=False)
    uncut = run(plan, str(folder), tmp_path / "uncut", progress=False)
    assert gone_on.tables == uncut.tables


def test_a_larger_run_uses_what_a_smaller_one_has_finished(folder, work, results, monkeypatch):
    computed, tables = [], Case.tables
    monkeypatch.setattr(
        Case, "tables", lambda case: computed.append((case.name, case.seed)) or tables(case)
    )
    larger = run(replace(TINY, styles=2, seeds=2), str(folder), work, progress=False)
    first, second = list(HELD_OUT)[:2]
    assert computed == [(second, 0), (first, 1), (second, 1)]
    assert larger.rows("transfers", style=first, seed=0) == results.rows("transfers")


def test_another_plan_is_another_run(folder, work, results, monkeypatch):
    monkeypatch.setattr(Case, "tables", lambda self: {"computed": []})
    changed = replace(TINY, steps=2)
    assert list(run(changed, str(folder), work, progress=False).tables) == ["computed"]


def test_the_command_writes_the_file(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(Plan, "quick", classmethod(lambda cls: replace(TINY, styles=1, contents=1)))
    out = tmp_path / "e.json"
    options = ["--out", out, "--work", tmp_path, "--painter", folder, "--workers", 1, "--quick"]
    result = CliRunner().invoke(app, list(map(str, options)))
    assert result.exit_code == 0, result.output
    assert Results.load(out).about["plan"]["styles"] == 1


# ------------------------------------------------------------------------------ intervals


def test_an_interval_is_students():
    mean, half = interval([1.0, 2.0, 3.0])
    assert mean == 2.0 and half == pytest.approx(4.302653 / math.sqrt(3))
    assert interval([1.0])[1] == math.inf


def test_repeating_a_style_does_not_narrow_the_interval():
    rows = [
        {"style": style, "method": "m", "x": value}
        for style, value in (("a", 1.0), ("b", 3.0))
        for _ in range(50)
    ]
    many, few = Results({}, {"transfers": rows}), Results({}, {"transfers": rows[49:51]})
    assert np.array_equal(many.by_style("x", method="m"), [1, 3])
    both = [interval(one.by_style("x", method="m")) for one in (many, few)]
    assert both[0] == both[1]


@pytest.mark.parametrize(
    ("gains", "expected"),
    [
        ([1.0, 2.0, 3.0, 2.0], "yes"),
        ([-1.0, -2.0, -3.0, -2.0], "no"),
        ([1.0, 2.0, -3.0, 2.0], "undecided"),
        ([5.0], "undecided"),
    ],
)
def test_a_verdict_needs_the_whole_interval_on_one_side(gains, expected):
    assert verdict(gains) == expected


def test_about_one_true_null_in_twenty_comes_out_decided():
    rng = np.random.default_rng(0)
    decided = [verdict(rng.normal(size=14)) != "undecided" for _ in range(2000)]
    assert 0.04 < np.mean(decided) < 0.06


def test_dots_show_means_and_intervals():
    rows = {"InST": [1.0, 2.0, 3.0], "alone": [5.0]}
    (axis,) = dots(rows, "metres", line=4.0).axes
    assert [label.get_text() for label in axis.get_yticklabels()] == ["InST", "alone"]
    points = [container.lines[0] for container in axis.containers]
    assert [(p.get_xdata()[0], p.get_ydata()[0]) for p in points] == [(2.0, 1), (5.0, 0)]
    assert points[0].get_color() == COLOURS["InST"] != points[1].get_color()
    (segments,) = (container.lines[2][0].get_segments() for container in axis.containers[:1])
    assert segments[0][1, 0] - segments[0][0, 0] == pytest.approx(2 * 4.302653 / math.sqrt(3))
    assert list(axis.lines[-1].get_xdata()) == [4.0, 4.0]
    assert axis.get_xlabel() == "metres"


def test_numbers_as_text():
    assert mean_text([17.0, 18.0, 19.0]) == "18.0 ± 2.5"
    assert mean_text([0.1, 0.2, 0.3]) == "0.20 ± 0.25"
    assert gain_text([1.0, 2.0, 3.0]) == "+2 (-0.48 to +4.5)"
    assert gain_text([100.0, 200.0, 300.0]) == "+200 (-48 to +448)"
    assert markdown_table(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"
    with pytest.raises(ValueError, match="2 columns"):
        markdown_table(["a", "b"], [["1"]])


# -------------------------------------------------------------------- comparisons, claims


def made_up(better):
    """Results in which InST is better than everything in every way, or worse. Style k adds k / 10
    to all distances, so that no two styles are alike."""
    sign = 1 if better else -1
    names = list(HELD_OUT)[:4]
    tables = {"transfers": [], "drawings": [], "curves": [], "references": []}
    for k, style in enumerate(names):
        known, shift = {"style": style, "seed": 0}, k / 10
        for method in (*COPIES, *METHODS):
            strength = 0.0 if method in COPIES else 0.8
            far = 10 + shift - sign * (5 + shift) * (method == "InST")
            distances = dict.fromkeys(("truth", "structure", "palette", "strokes", "leak"), far)
            row = {**known, "method": method, "strength": strength, **distances}
            tables["transfers"].append(row)
            if method in ("InST", "plain noise"):
                worse = {name: far + 5 for name, far in distances.items()}
                tables["transfers"] += [{**row, "strength": s, **worse} for s in (0.5, 0.95)]
        for method in ("photograph", *DRAWINGS):
            far = 10 + shift - sign * (5 + shift) * (method == "InST")
            tables["drawings"].append({**known, "method": method, "Gram": far})
        tables["references"].append({**known, "loss": {"empty": 1.0}, "others": {"empty": 1.0}})
        for learner in LEARNERS:
            last = 0.5 - sign * (0.2 + shift / 10) * (learner == "InST")
            losses = [1.0, last, last, last, last, last]
            curve = {"step": [0, 2, 4, 6, 8, 10], "loss": losses, "others": losses}
            tables["curves"].append({**known, "learner": learner, "curve": curve})
    speed = {"start": 1.0, "step": 0.1}
    return Results({"seconds": {"free vector": speed, "InST": speed}}, tables)


@pytest.mark.parametrize(("better", "expected"), [(True, "yes"), (False, "no")])
def test_every_claim_follows_the_numbers(better, expected):
    found = list(findings(Comparisons(made_up(better))))
    for finding in found:
        swapped = finding.claim.text.startswith("AdaIN")  # there InST itself is the rival
        assert (finding.verdict == expected) != swapped, finding.claim.text
    assert [finding.claim for finding in found] == list(CLAIMS)


def test_no_claim_is_listed_twice_and_all_say_who_asks():
    assert len({claim.text for claim in CLAIMS}) == len(CLAIMS)
    assert {claim.source for claim in CLAIMS} == {"paper", "authors", "notebook", "reader"}


def test_each_claim_is_understood_alone():
    subjects = ("InST", "word", "Dropout", "Stochastic inversion", "AdaIN")
    for claim in CLAIMS:
        assert not re.match(r"(It|Its|This|The same)\b", claim.text), claim.text
        assert any(subject in claim.text for subject in subjects), claim.text


def test_a_row_of_the_table_has_all_its_cells():
    (first, *_) = findings(Comparisons(made_up(True)))
    assert len(first.row()) == len(COLUMNS)
    assert first.row()[1] == "yes" and first.row()[3:] == ("4 of 4", "paper")
    assert first.row()[2].startswith("+5.2 (") and first.row()[2].endswith(") CIELAB")


def test_each_may_be_compared_at_its_own_best_strength():
    results = made_up(True)
    for row in results.rows("transfers", method="plain noise", strength=0.5):
        row["truth"] = 1.0  # nearer than anything else
    measured = Comparisons(results)
    assert measured.best_strength("truth", "InST") == 0.8
    assert measured.best_strength("truth", "plain noise") == 0.5
    assert verdict(measured.gain("truth", "InST", "plain noise")) == "yes"
    assert measured.gain_at_best("truth", "InST", "plain noise") == pytest.approx([-4] * 4)


def test_a_race_in_seconds_is_not_a_race_in_steps():
    results = made_up(True)
    results.about["seconds"]["InST"] = {"start": 1.0, "step": 0.2}
    measured = Comparisons(results)
    assert measured.clock()[-1] == pytest.approx(3.0)
    at_first = measured.by_clock("InST")[0]  # (times,)
    assert np.isnan(at_first[measured.clock() < 1]).all() and at_first[-1] == pytest.approx(70)
    assert np.isnan(measured.by_clock("free vector")[0][-1])  # it ends after two seconds
    half_way = measured.by_clock("InST")[0][measured.clock().searchsorted(1.2)]
    assert half_way == pytest.approx(70 * (measured.clock()[20] - 1) / 0.4, abs=2)
    assert (
        measured.lead_in_seconds("InST", "free vector").mean()
        < measured.lead("InST", "free vector").mean()
    )


def test_what_a_word_saves_is_a_share_of_the_empty_prompts_loss():
    measured = Comparisons(made_up(True))
    assert measured.saved("free vector").tolist() == [[0, 50, 50, 50, 50, 50]] * 4
    assert measured.early("InST", "free vector") == pytest.approx([20, 21, 22, 23])
