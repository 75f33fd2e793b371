# %% ex-09-2
def leftover(schedule, noised_at, denoised_from):
    a, b = (schedule.alpha_bar(t) for t in (noised_at, denoised_from))
    scale = b**-0.5
    return [a**0.5 * scale, ((1 - a) ** 0.5 - (1 - b) ** 0.5) * scale]
