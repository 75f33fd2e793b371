# %% ex-a-1
# hint: divide by that
def velocity_weight(alpha_bar, gamma=5.0):
    snr = alpha_bar / (1 - alpha_bar)
    return snr.clamp(max=gamma) / snr


# %% ex-a-1
# hint: counts as gamma
def velocity_weight(alpha_bar, gamma=5.0):
    snr = alpha_bar / (1 - alpha_bar)
    return snr / (snr + 1)


# %% ex-a-2
# hint: so nothing changes
def swap_subject(caption, other, subjects):
    words = caption.split()
    return " ".join([*words[:2], other, *words[3:]])


# %% ex-a-2
# hint: whole words
def swap_subject(caption, other, subjects):
    for subject in subjects:
        caption = caption.replace(subject, other)
    return caption
