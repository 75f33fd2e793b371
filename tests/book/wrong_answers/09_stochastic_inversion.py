# %% ex-09-1
# hint: the same part of the grid
def total_calls(inversion, steps, strength):
    walked = max(1, round(strength * steps))
    return walked + {"noise": 0, "stochastic": 1, "ddim": steps}[inversion]


# %% ex-09-1
# hint: round it
def total_calls(inversion, steps, strength):
    walked = max(1, int(strength * steps + 1e-9 * (inversion != "ddim")))
    return walked + {"noise": 0, "stochastic": 1, "ddim": walked}[inversion]


# %% ex-09-2
# hint: the second level's root
def leftover(schedule, noised_at, denoised_from):
    a, b = (schedule.alpha_bar(t).item() for t in (noised_at, denoised_from))
    return a**0.5, (1 - a) ** 0.5 - (1 - b) ** 0.5


# %% ex-09-2
# hint: the surplus is negative
def leftover(schedule, noised_at, denoised_from):
    a, b = (schedule.alpha_bar(t).item() for t in (noised_at, denoised_from))
    return (a / b) ** 0.5, abs((1 - a) ** 0.5 - (1 - b) ** 0.5) / b**0.5


# %% ex-09-3
# hint: comes back as it went in
def iterate(painter, z0, t, context, noise, rounds):
    for _ in range(rounds + 1):
        noise = painter.predict_noise(q_sample(painter.schedule, z0, t, noise), t, context)
    return noise


# %% ex-09-3
# hint: the clean z0
def iterate(painter, z0, t, context, noise, rounds):
    z = z0
    for _ in range(rounds):
        z = q_sample(painter.schedule, z, t, noise)
        noise = painter.predict_noise(z, t, context)
    return noise
