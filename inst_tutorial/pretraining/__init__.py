"""Train Paintbox, a Stable Diffusion in miniature, on the world's pictures.

    python -m inst_tutorial.pretraining --work DIR --out inst_tutorial/paintbox

One resumable command, for a CPU, a GPU, or several of either (`processes`). Reading order:
settings, data, budget, processes, checkpoint, muon, graphs, training, networks, assembly,
known_words, stages. Book: appendix "How Paintbox was trained". On a GPU that is lent for minutes:
tools/gpu/README.md.
"""
