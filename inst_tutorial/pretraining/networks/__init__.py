"""The networks of Paintbox, each with its losses. Reading order: artist_embedder, autoencoder,
growth, clip, latents, unet."""
