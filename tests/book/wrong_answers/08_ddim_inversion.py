# %% ex-08-1
# hint: the level that you step to
def guided_inversion(painter, z0, context, empty, *, steps, guidance):
    z, upwards = z0, timesteps(painter.schedule, steps)[::-1]
    for t, t_next in zip((-1, *upwards[:-1]), upwards, strict=True):
        eps = guided_noise(painter, z, max(t, 0), context, empty, guidance)
        z = ddim_inverse_step(painter.schedule, z, t, t_next, eps)
    return z


# %% ex-08-1
# hint: is it used
def guided_inversion(painter, z0, context, empty, *, steps, guidance):
    z, upwards = z0, timesteps(painter.schedule, steps)[::-1]
    for t, t_next in zip((-1, *upwards[:-1]), upwards, strict=True):
        eps = painter.predict_noise(z, t_next, context)
        z = ddim_inverse_step(painter.schedule, z, t, t_next, eps)
    return z


# %% ex-08-2
# hint: about level t_next
def implicit_step(painter, z, t, t_next, context, rounds):
    above = z
    for _ in range(rounds):
        eps = painter.predict_noise(above, t, context)
        above = ddim_inverse_step(painter.schedule, z, t, t_next, eps)
    return above


# %% ex-08-2
# hint: from z again
def implicit_step(painter, z, t, t_next, context, rounds):
    for _ in range(rounds):
        eps = painter.predict_noise(z, t_next, context)
        z = ddim_inverse_step(painter.schedule, z, t, t_next, eps)
    return z
