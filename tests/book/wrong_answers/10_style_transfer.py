# %% ex-10-1
# hint: not what is replaced
def noise_left(schedule, levels, eta):
    replaced = 0.0
    for t, t_next in pairwise(levels):
        a, a_next = schedule.alpha_bar(t).item(), schedule.alpha_bar(t_next).item()
        replaced += eta**2 * (1 - a / a_next) / (1 - a)
    return replaced


# %% ex-10-1
# hint: eta is squared
def noise_left(schedule, levels, eta):
    left = 1.0
    for t, t_next in pairwise(levels):
        a, a_next = schedule.alpha_bar(t).item(), schedule.alpha_bar(t_next).item()
        left *= 1 - eta * (1 - a / a_next) / (1 - a)
    return left


# %% ex-10-1
# hint: the step before has left
def noise_left(schedule, levels, eta):
    left = 1.0
    for t, t_next in pairwise(levels):
        a, a_next = schedule.alpha_bar(t).item(), schedule.alpha_bar(t_next).item()
        left -= eta**2 * (1 - a / a_next) / (1 - a)
    return left


# %% ex-10-2
# hint: of the class Word
def between(a, b, share):
    return (1 - share) * a.vectors + share * b.vectors


# %% ex-10-2
# hint: Share 0 is word a
def between(a, b, share):
    return Word(share * a.vectors + (1 - share) * b.vectors)


# %% ex-10-3
# hint: not the two latents
def soft_adain(z, z_style, share):
    return (1 - share) * z + share * z_style


# %% ex-10-3
# hint: its own statistics
def soft_adain(z, z_style, share):
    new_mean = (1 - share) * z.mean() + share * z_style.mean()
    new_std = (1 - share) * z.std() + share * z_style.std()
    return (z - z.mean()) / z.std() * new_std + new_mean
