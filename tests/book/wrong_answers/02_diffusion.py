# %% ex-02-1
# hint: the step before
def takes_over(schedule):
    return int((schedule.alphas_cumprod > 0.5).nonzero()[-1])


# %% ex-02-1
# hint: the factors are roots
def takes_over(schedule):
    return int((schedule.alphas_cumprod.sqrt() <= 0.5).nonzero()[0])


# %% ex-02-2
# hint: sigma contains eta
def eta_step(z_t, t, t_next, eps, fresh_noise, eta):
    a, a_next = schedule.alpha_bar(t), schedule.alpha_bar(t_next)
    sigma = ((1 - a_next) / (1 - a)).sqrt() * (1 - a / a_next).sqrt()
    z0_hat = predict_z0(schedule, z_t, t, eps)
    return a_next.sqrt() * z0_hat + (1 - a_next - sigma**2).sqrt() * eps + sigma * fresh_noise


# %% ex-02-2
# hint: not its square
def eta_step(z_t, t, t_next, eps, fresh_noise, eta):
    a, a_next = schedule.alpha_bar(t), schedule.alpha_bar(t_next)
    sigma = eta * ((1 - a_next) / (1 - a)).sqrt() * (1 - a / a_next).sqrt()
    z0_hat = predict_z0(schedule, z_t, t, eps)
    return a_next.sqrt() * z0_hat + (1 - a_next - sigma**2).sqrt() * eps + sigma**2 * fresh_noise


# %% ex-02-2
# hint: What comes in must go out
def eta_step(z_t, t, t_next, eps, fresh_noise, eta):
    a, a_next = schedule.alpha_bar(t), schedule.alpha_bar(t_next)
    sigma = eta * ((1 - a_next) / (1 - a)).sqrt() * (1 - a / a_next).sqrt()
    z0_hat = predict_z0(schedule, z_t, t, eps)
    return a_next.sqrt() * z0_hat + (1 - a_next).sqrt() * eps + sigma * fresh_noise


# %% ex-02-3
# hint: ask the painter about level t_next
def careful_step(z_t, t, t_next, rounds=5):
    z_next = z_t
    for _ in range(rounds + 1):
        eps = painter.predict_noise(z_next, max(t, 0), painter.empty)
        z_next = ddim_inverse_step(schedule, z_t, t, t_next, eps)
    return z_next


# %% ex-02-3
# hint: from the old point again
def careful_step(z_t, t, t_next, rounds=5):
    z_next = z_t
    for _ in range(rounds + 1):
        eps = painter.predict_noise(z_next, t_next, painter.empty)
        z_next = ddim_inverse_step(schedule, z_next, t, t_next, eps)
    return z_next
