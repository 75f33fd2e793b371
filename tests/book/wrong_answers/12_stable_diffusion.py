# %% ex-12-1
# hint: side by side
def hours(styles, steps, ms, together, gpus):
    return ceil(styles / together) * steps * ms / 3.6e6


# %% ex-12-1
# hint: round up
def hours(styles, steps, ms, together, gpus):
    return max(1, styles / together / gpus) * steps * ms / 3.6e6


# %% ex-12-2
# hint: round down
def scale(gradient):
    room = torch.finfo(torch.float16).max / gradient.abs().max()
    return 2.0 ** torch.log2(room).ceil().item()


# %% ex-12-2
# hint: may be a negative one
def scale(gradient):
    room = torch.finfo(torch.float16).max / gradient.max()
    return 2.0 ** torch.log2(room).floor().item()
