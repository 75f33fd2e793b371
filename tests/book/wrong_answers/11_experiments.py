# %% ex-11-1
# hint: count with <
def wins(a, b):
    def means(name):
        cases = {}
        for row in results.rows("transfers", method=name, strength=0.8):
            cases.setdefault((row["style"], row["seed"]), []).append(row["truth"])
        return np.array([np.mean(values) for values in cases.values()])

    return float((means(a) <= means(b)).mean())


# %% ex-11-1
# hint: average over its contents
def wins(a, b):
    def truths(name):
        return np.array(
            [row["truth"] for row in results.rows("transfers", method=name, strength=0.8)]
        )

    return float((truths(a) < truths(b)).mean())


# %% ex-11-2
# hint: with replacement
def bootstrap(values, draws=2000, seed=0):
    rng = np.random.default_rng(seed)
    means = [rng.permutation(values).mean().round(9) for _ in range(draws)]
    return tuple(np.percentile(means, [2.5, 97.5]))


# %% ex-11-2
# hint: mean of each draw
def bootstrap(values, draws=2000, seed=0):
    drawn = np.random.default_rng(seed).choice(values, (draws, len(values)))
    return tuple(np.percentile(drawn, [2.5, 97.5]))


# %% ex-11-3
# hint: add absolute values up
def equal_rate(picture, rate):
    x = painter.image_features(to_tensor(picture)).pooled[0]
    return float(rate * (x.norm() + 1))


# %% ex-11-3
# hint: The bias moves as well
def equal_rate(picture, rate):
    x = painter.image_features(to_tensor(picture)).pooled[0]
    return float(rate * x.abs().sum())
