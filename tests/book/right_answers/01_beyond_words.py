# %% ex-01-3
def jumps(a, b, steps=50):
    found, share = [], 0.0
    before = style_words(a)
    for _ in range(steps):
        share += 1 / steps
        words = style_words(blend(a, b, min(share, 1.0)))
        if words != before:
            found.append(min(share, 1.0))
        before = words
    return found
