"""Networks: one U-Net with optional temporal layers, the autoencoder, the upsampler, discriminators, checkpoints."""
