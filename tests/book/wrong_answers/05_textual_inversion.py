# %% ex-05-1
# hint: before - after
def paired_gain(before, after):
    gain = after - before
    return gain.mean(), gain.std() / len(gain) ** 0.5


# %% ex-05-1
# hint: deviation of the differences
def paired_gain(before, after):
    return (before - after).mean(), ((before.var() + after.var()) / len(before)).sqrt()


# %% ex-05-1
# hint: by the root of n
def paired_gain(before, after):
    return (before - after).mean(), (before - after).std()


# %% ex-05-2
# hint: One timestep from each stratum
def stratified(count, generator):
    return torch.randint(1000, (count,), generator=generator).sort().values


# %% ex-05-2
# hint: not its middle only
def stratified(count, generator):
    return (1000 * (torch.arange(count) + 0.5) / count).long()


# %% ex-05-3
# hint: the smaller of snr and gamma
def min_snr_weight(alpha_bar, gamma=5.0):
    snr = alpha_bar / (1 - alpha_bar)
    return snr.clamp(min=gamma) / snr


# %% ex-05-3
# hint: Divide by snr
def min_snr_weight(alpha_bar, gamma=5.0):
    return (alpha_bar / (1 - alpha_bar)).clamp(max=gamma)
