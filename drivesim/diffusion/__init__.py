"""Diffusion mathematics: schedule, parametrization, denoiser, guidance and samplers; no network and no conditioning."""
