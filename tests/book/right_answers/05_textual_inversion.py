# %% ex-05-2
def stratified(count, generator):
    place = torch.randperm(count, generator=generator) + torch.rand(count, generator=generator)
    return (1000 * place / count).long().clamp(max=999)
