# %% ex-03-1
# hint: mean of the absolute change
def round_trips(picture_pm1, count):
    changes = []
    for _ in range(count):
        again = painter.decode(painter.encode(picture_pm1))
        changes.append((again - picture_pm1).abs().sum().item())
        picture_pm1 = again
    return changes


# %% ex-03-1
# hint: that the last one returned
def round_trips(picture_pm1, count):
    again = [painter.decode(painter.encode(picture_pm1)) for _ in range(count)]
    return [(one - picture_pm1).abs().mean().item() for one in again]


# %% ex-03-1
# hint: not the first
def round_trips(picture_pm1, count):
    changes, again = [], picture_pm1
    for _ in range(count):
        again = painter.decode(painter.encode(again))
        changes.append((again - picture_pm1).abs().mean().item())
    return changes


# %% ex-03-2
# hint: Guide first, then rescale
@torch.no_grad()
def tamed_noise(z_t, t, w):
    with_prompt = painter.predict_noise(z_t, t, context)
    without = painter.predict_noise(z_t, t, empty)
    return without + w * (with_prompt - without) * without.std() / with_prompt.std() / w


# %% ex-03-2
# hint: that of the prediction with the prompt
@torch.no_grad()
def tamed_noise(z_t, t, w):
    with_prompt = painter.predict_noise(z_t, t, context)
    without = painter.predict_noise(z_t, t, empty)
    guided = without + w * (with_prompt - without)
    return guided / guided.std()


# %% ex-03-3
# hint: Divide by the length
@torch.no_grad()
def reach(z_t, t, prompt, other):
    one, two = (painter.predict_noise(z_t, t, painter.embed(text)) for text in (prompt, other))
    return (one - two).norm().item()


# %% ex-03-3
# hint: not the difference of the lengths
@torch.no_grad()
def reach(z_t, t, prompt, other):
    one, two = (painter.predict_noise(z_t, t, painter.embed(text)) for text in (prompt, other))
    return ((one.norm() - two.norm()).abs() / one.norm()).item()
