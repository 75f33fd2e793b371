"""Who may use which seeds of the world, so that nobody measures on what was trained on.

Each range belongs to one use, and no two overlap. Take a seed by its place, as in
``EVALUATION[3]``; past the end Python raises IndexError. Seeds below a thousand also occur in
the book's examples, where a scene is written out by hand and its seed decides only details.
"""

#: Training pictures: the first has seed 0, and each new one the next seed.
TRAINING = range(0, 1_000_000_000)

#: Pictures that watch the training.
VALIDATION = range(1_000_000_000, 1_001_000_000)

#: Scenes and paintings of the evaluation, and its random choices.
EVALUATION = range(1_001_000_000, 1_002_000_000)

#: Scenes in the style pictures from which the evaluation learns.
EVALUATION_STYLE_PICTURES = range(1_002_000_000, 1_003_000_000)

#: Scenes of the book's experiments, and of its appendix on training.
BOOK = range(1_500_000_000, 1_500_001_000)

#: Scenes in the style pictures of the sweeps that choose default settings; taken from the end.
SWEEP_STYLE_PICTURES = range(1_999_000_000, 2_000_000_000)

#: Scenes and styles of the same sweeps.
SWEEP = range(2_000_000_000, 2_001_000_000)

#: Captions with hard negatives, which train the text tower of CLIP.
HARD_NEGATIVES = range(2_100_000_000, 2_200_000_000)

#: Paintings of training styles, to which the map from pictures to words is fitted.
GLANCE = range(2_200_000_000, 2_300_000_000)

#: One seed: names and styles of the artists.
ARTISTS = range(3_000_000_000, 3_000_000_001)
