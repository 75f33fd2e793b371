# %% ex-04-1
# hint: divide each map by its sum
def spread(by_word):
    return torch.special.entr(by_word.flatten(1)).sum(1).exp()


# %% ex-04-1
# hint: the exponential of the entropy
def spread(by_word):
    share = by_word.flatten(1)
    return torch.special.entr(share / share.sum(1, keepdim=True)).sum(1)


# %% ex-04-1
# hint: 0 log 0 counts as 0
def spread(by_word):
    share = by_word.flatten(1)
    share = share / share.sum(1, keepdim=True)
    return (-share * share.log()).sum(1).exp()


# %% ex-04-2
# hint: the ones that came in stay as they were
def turned(maps, token, factor):
    for steps in maps.layers.values():
        for m in steps:
            m[..., token] *= factor
    return maps


# %% ex-04-2
# hint: rows need not sum to 1
def turned(maps, token, factor):
    def louder(m):
        scale = torch.ones(m.shape[-1])
        scale[token] = factor
        return m * scale / (m * scale).sum(-1, keepdim=True)

    return AttentionMaps({name: [louder(m) for m in steps] for name, steps in maps.layers.items()})


# %% ex-04-2
# hint: Only the maps of one token
def turned(maps, token, factor):
    return AttentionMaps({name: [m * factor for m in steps] for name, steps in maps.layers.items()})


# %% ex-04-3
# hint: the factors are roots
def blend(a, b, share):
    return (1 - share) * a + share * b


# %% ex-04-3
# hint: Share 0 is a
def blend(a, b, share):
    return share**0.5 * a + (1 - share) ** 0.5 * b
