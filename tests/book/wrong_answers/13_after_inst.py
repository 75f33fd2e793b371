# %% ex-13-1
# hint: of shape (6, 3)
def ridge(x, y, strength):
    gram = x.T @ x + strength * torch.eye(x.shape[1], dtype=x.dtype)
    return torch.linalg.solve(gram, x.T @ y).T


# %% ex-13-1
# hint: on the diagonal
def ridge(x, y, strength):
    return torch.linalg.solve(x.T @ x + strength, x.T @ y)


# %% ex-13-2
# hint: root of d
def shared_attention(q, k, v, k_reference, v_reference):
    keys = torch.cat([k_reference, k])
    return F.softmax(q @ keys.T, dim=1) @ torch.cat([v_reference, v])


# %% ex-13-2
# hint: ONE softmax
def shared_attention(q, k, v, k_reference, v_reference):
    own = F.softmax(q @ k.T / q.shape[1] ** 0.5, dim=1) @ v
    theirs = F.softmax(q @ k_reference.T / q.shape[1] ** 0.5, dim=1) @ v_reference
    return (own + theirs) / 2


# %% ex-13-3
# hint: TWO softmaxes
def decoupled_attention(q, k_text, v_text, k_image, v_image, scale):
    keys, values = torch.cat([k_text, k_image]), torch.cat([v_text, scale * v_image])
    return F.softmax(q @ keys.T / q.shape[1] ** 0.5, dim=1) @ values


# %% ex-13-3
# hint: add, do not mix
def decoupled_attention(q, k_text, v_text, k_image, v_image, scale):
    def attend(k, v):
        return F.softmax(q @ k.T / q.shape[1] ** 0.5, dim=1) @ v

    return (1 - scale) * attend(k_text, v_text) + scale * attend(k_image, v_image)
