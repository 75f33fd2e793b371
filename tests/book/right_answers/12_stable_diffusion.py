# %% ex-12-1
def hours(styles, steps, ms, together, gpus):
    groups = ceil(styles / together)
    return ceil(groups / gpus) * (ms / 1000 / 60 / 60) * steps
