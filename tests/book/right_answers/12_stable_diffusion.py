# %% ex-12-1
def hours(styles, steps, ms, together, cards):
    groups = ceil(styles / together)
    return ceil(groups / cards) * (ms / 1000 / 60 / 60) * steps
