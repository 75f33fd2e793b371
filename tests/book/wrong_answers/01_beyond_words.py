# %% ex-01-1
# hint: replace an earlier one
def schools(styles):
    return {medium(style): [name] for name, style in styles.items()}


# %% ex-01-1
# hint: key is medium(style)
def schools(styles):
    groups = {}
    for name in styles:
        groups.setdefault(name, []).append(name)
    return groups


# %% ex-01-2
# hint: must be a whole number
def middle(pictures):
    return min(np.mean([truth_distance(a, b) for b in pictures]) for a in pictures)


# %% ex-01-2
# hint: farthest from the others
def middle(pictures):
    return int(np.argmax([np.mean([truth_distance(a, b) for b in pictures]) for a in pictures]))


# %% ex-01-3
# hint: not numbers of steps
def jumps(a, b, steps=50):
    captions = [style_words(blend(a, b, i / steps)) for i in range(steps + 1)]
    return [i for i in range(1, steps + 1) if captions[i] != captions[i - 1]]


# %% ex-01-3
# hint: not with the first
def jumps(a, b, steps=50):
    captions = [style_words(blend(a, b, i / steps)) for i in range(steps + 1)]
    return [i / steps for i in range(1, steps + 1) if captions[i] != captions[0]]
