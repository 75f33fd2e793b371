# %% ex-11-2
def bootstrap(values, draws=2000, seed=0):
    rng = np.random.default_rng(seed)
    means = [np.mean(rng.choice(values, len(values))) for _ in range(draws)]
    return np.percentile(means, [2.5, 97.5])
