"""The stages of the training, each resumable, from the pictures to the evaluation.

The autoencoder and CLIP leave their finished parts as folders in the work folder, which the next
stages read. The UNet, the artist embedder and the tuned decoder are taken from their newest
checkpoints. Reading order: run, parts, pictures, autoencoder, clip, unet, painter, table.
"""
