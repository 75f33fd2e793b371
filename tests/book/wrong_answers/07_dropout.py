# %% ex-07-1
# hint: One loss is enough
def in_a_row(p, count):
    return p**count


# %% ex-07-1
# hint: lost once only
def in_a_row(p, count):
    return p * count


# %% ex-07-2
# hint: comes with its x
def covariance(x, W, p):
    q = 1 - (1 - p) ** 2
    return q / (1 - q) * W @ W.T


# %% ex-07-2
# hint: Two dropouts
def covariance(x, W, p):
    return p / (1 - p) * (x * W) @ (x * W).T
