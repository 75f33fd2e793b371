# %% ex-10-1
def noise_left(schedule, levels, eta):
    a = schedule.alphas_cumprod[list(levels)]
    sigma = eta * ((1 - a[1:]) / (1 - a[:-1]) * (1 - a[:-1] / a[1:])).sqrt()
    return (1 - sigma**2 / (1 - a[1:])).prod()
