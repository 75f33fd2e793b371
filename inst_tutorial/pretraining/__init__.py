"""Train Paintbox, a Stable Diffusion in miniature, on the world's pictures.

    python -m inst_tutorial.pretraining --work DIR --out inst_tutorial/paintbox

One resumable command. Reading order: settings, growing_array, artist_embedder, pictures,
checkpoint, training, autoencoder, tokenizer, hard_negatives, clip, unet, assembly, report, judge,
evaluation, showcase, stages. Book: appendix "How Paintbox was trained".
"""
