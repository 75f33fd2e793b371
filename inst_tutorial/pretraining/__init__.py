"""Train Paintbox, a Stable Diffusion in miniature, on the world's pictures.

    python -m inst_tutorial.pretraining --work DIR --out inst_tutorial/paintbox

One resumable command. Reading order: settings, data, checkpoint, training, networks, assembly,
stages. Book: appendix "How Paintbox was trained".
"""
