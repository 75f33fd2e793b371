"""The networks of Paintbox, each with its losses. Reading order: artist_embedder, autoencoder,
clip, unet."""
