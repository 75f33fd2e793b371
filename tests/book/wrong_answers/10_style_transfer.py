# %% ex-10-1
# hint: prediction with the word
def calm_guidance(plain, told, w):
    guided = plain + w * (told - plain)
    spread = [x.std((1, 2, 3), keepdim=True) for x in (plain, guided)]
    return guided * spread[0] / spread[1]


# %% ex-10-1
# hint: not one for all
def calm_guidance(plain, told, w):
    guided = plain + w * (told - plain)
    return guided * told.std() / guided.std()


# %% ex-10-2
# hint: Return a word
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
