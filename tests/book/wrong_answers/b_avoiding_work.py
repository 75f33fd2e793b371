# %% ex-need-1
# hint: what stands after the word
def positions_that_change(prompt):
    return int((painter.tokenize([prompt], vectors=1).slots[0] >= 0).sum())


# %% ex-need-1
# hint: The word's own position
def positions_that_change(prompt):
    slots = painter.tokenize([prompt], vectors=1).slots[0]
    return len(slots) - int((slots >= 0).nonzero()[0, 0]) - 1


# %% ex-need-2
# hint: one for all styles
def rows_needed(styles, steps):
    return 2 * styles * steps


# %% ex-need-2
# hint: nothing is shared any more
def rows_needed(styles, steps):
    return (styles + 1) * steps
