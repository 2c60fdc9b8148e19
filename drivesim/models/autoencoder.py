"""The autoencoder between pixels and latents, its decoder with optional temporal layers (Video LDM, Sec. 2 and 3.1.1).

Pixels are unshuffled first. A linear path over blocks of pixels, initialised with their principal components, carries
the picture from the first step on; the network learns what the linear path leaves over.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor, nn

from drivesim.models.latent_channels import PER_CHANNEL, LatentAxis
from drivesim.models.layers import Downsample, ResidualBlock, Upsample, normalisation, zero_initialised
from drivesim.models.temporal import TemporalResidualBlock


@dataclass(frozen=True)
class AutoencoderConfig:
    """The sizes of an autoencoder; its spatial factor is `unshuffle` · 2^(levels - 1).

    Attributes:
        latent_channels: Number of latent channels.
        unshuffle: Side of the blocks of pixels that are folded into channels first.
        base_channels: Number of channels of the finest level.
        multipliers: Channels of each level as multiples of `base_channels`, finest first.
        encoder_blocks: Residual blocks per level of the encoder.
        decoder_blocks: Residual blocks per level of the decoder.
        temporal_decoder: Whether the decoder has temporal layers. They follow only the last block of each level, so
            that a frame depends on few others, as a streamed video needs.
    """

    latent_channels: int = 8
    unshuffle: int = 4
    base_channels: int = 64
    multipliers: tuple[int, ...] = (1, 2)
    encoder_blocks: int = 1
    decoder_blocks: int = 2
    temporal_decoder: bool = False

    @property
    def factor(self) -> int:
        """The side of a latent cell in pixels."""
        return int(self.unshuffle * 2 ** (len(self.multipliers) - 1))

    @property
    def widths(self) -> tuple[int, ...]:
        """The number of channels of each level, finest first."""
        return tuple(self.base_channels * m for m in self.multipliers)


@dataclass(frozen=True)
class Posterior:
    """A diagonal Gaussian over latents `b c h w`, given by its mean and the logarithm of its variance."""

    mean: Tensor
    log_variance: Tensor

    def sample(self, noise: Tensor) -> Tensor:
        """Returns a sample: the mean plus scaled standard normal `noise` `b c h w`."""
        return self.mean + (0.5 * self.log_variance).exp() * noise

    def kl(self) -> Tensor:
        """Returns the divergence from the standard normal in nats, averaged over all elements."""
        return 0.5 * (self.mean.square() + self.log_variance.exp() - 1 - self.log_variance).mean()


class Encoder(nn.Module):
    """Maps pixels to a posterior over latents."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        widths = config.widths
        self.unshuffle, self.factor = config.unshuffle, config.factor
        self.stem = nn.Conv2d(3 * config.unshuffle**2, widths[0], 3, padding=1)
        layers: list[nn.Module] = []
        for level, width in enumerate(widths):
            if level:
                layers.append(Downsample(widths[level - 1], width))
            layers += [ResidualBlock(width, width, None, "group") for _ in range(config.encoder_blocks)]
        self.layers = nn.Sequential(*layers)
        self.norm_out = normalisation("group", widths[-1])
        self.conv_out = zero_initialised(nn.Conv2d(widths[-1], 2 * config.latent_channels, 3, padding=1))
        log_variance_bias = _bias_of(self.conv_out)[config.latent_channels :]
        nn.init.constant_(log_variance_bias, -5.0)
        self.linear = nn.Conv2d(3 * config.factor**2, config.latent_channels, 1)

    def forward(self, x: Tensor) -> Posterior:
        """Maps pictures `b 3 h w` in -1..1 to a posterior over latents `b c h/f w/f`."""
        h = self.layers(self.stem(nn.functional.pixel_unshuffle(x, self.unshuffle)))
        mean, log_variance = self.conv_out(nn.functional.silu(self.norm_out(h))).chunk(2, 1)
        mean = mean + self.linear(nn.functional.pixel_unshuffle(x, self.factor))
        return Posterior(mean, log_variance.clamp(-12.0, 4.0))

    def latent_axes(self) -> dict[str, LatentAxis]:
        """Says which parameters depend on the number of latent channels, see `LatentSized`."""
        posterior = LatentAxis(0, (PER_CHANNEL, PER_CHANNEL), keeps_initial=True)
        linear = LatentAxis(0, (PER_CHANNEL,), keeps_initial=True)
        return {
            "conv_out.weight": posterior,
            "conv_out.bias": posterior,
            "linear.weight": linear,
            "linear.bias": linear,
        }


class DecoderBlock(nn.Module):
    """A spatial residual block, followed by a temporal one in the video decoder."""

    def __init__(self, channels: int, temporal: bool) -> None:
        super().__init__()
        self.block = ResidualBlock(channels, channels, None, "group")
        self.temporal_block = TemporalResidualBlock(channels, 0, None, 1, "group") if temporal else None

    def forward(self, x: Tensor, num_frames: int) -> Tensor:
        """Maps `(b t) c h w` to the same shape."""
        h: Tensor = self.block(x)
        if self.temporal_block is None:
            return h
        mixed: Tensor = self.temporal_block(rearrange(h, "(b t) c h w -> b t c h w", t=num_frames))
        return mixed.flatten(0, 1)


class Decoder(nn.Module):
    """Maps latents to pixels."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        widths = config.widths
        self.unshuffle, self.factor = config.unshuffle, config.factor
        self.stem = nn.Conv2d(config.latent_channels, widths[-1], 3, padding=1)
        self.layers = nn.ModuleList()
        for level in reversed(range(len(widths))):
            last = config.decoder_blocks - 1
            self.layers.extend(
                DecoderBlock(widths[level], config.temporal_decoder and block == last) for block in range(last + 1)
            )
            if level:
                self.layers.append(Upsample(widths[level], widths[level - 1]))
        self.norm_out = normalisation("group", widths[0])
        self.conv_out = zero_initialised(nn.Conv2d(widths[0], 3 * config.unshuffle**2, 3, padding=1))
        self.linear = nn.Conv2d(config.latent_channels, 3 * config.factor**2, 1)

    @property
    def temporal_reach(self) -> int:
        """The number of frames on each side that a decoded frame depends on."""
        return sum(isinstance(layer, DecoderBlock) and layer.temporal_block is not None for layer in self.layers)

    def forward(self, z: Tensor) -> Tensor:
        """Maps latents `b t c h w` to frames `b t 3 f·h f·w` in about -1..1."""
        t = z.shape[1]
        folded = z.flatten(0, 1)
        h = self.stem(folded)
        for layer in self.layers:
            h = layer(h, t) if isinstance(layer, DecoderBlock) else layer(h)
        pixels = nn.functional.pixel_shuffle(self.conv_out(nn.functional.silu(self.norm_out(h))), self.unshuffle)
        pixels = pixels + nn.functional.pixel_shuffle(self.linear(folded), self.factor)
        return rearrange(pixels, "(b t) c h w -> b t c h w", t=t)

    def latent_axes(self) -> dict[str, LatentAxis]:
        """Says which parameters depend on the number of latent channels, see `LatentSized`."""
        return dict.fromkeys(("stem.weight", "linear.weight"), LatentAxis(1, (PER_CHANNEL,)))


class Autoencoder(nn.Module):
    """Encoder and decoder; `encode` and `decode` work on latents normalised per channel to unit variance.

    Attributes:
        config: The sizes.
        encoder: Pixels to latents.
        decoder: Latents to pixels.
        latent_mean: Mean of each channel of unnormalised latents, `c 1 1`.
        latent_std: Standard deviation of each channel of unnormalised latents, `c 1 1`.
    """

    latent_mean: Tensor
    latent_std: Tensor

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.register_buffer("latent_mean", torch.zeros(config.latent_channels, 1, 1))
        self.register_buffer("latent_std", torch.ones(config.latent_channels, 1, 1))

    def encode(self, frames: Tensor) -> Tensor:
        """Maps frames `b t 3 h w` in -1..1 to normalised latents `b t c h/f w/f`, the mean of the posterior."""
        mean: Tensor = self.encoder(frames.flatten(0, 1)).mean
        mean = (mean - self.latent_mean) / self.latent_std
        return rearrange(mean, "(b t) c h w -> b t c h w", t=frames.shape[1])

    def decode(self, latents: Tensor) -> Tensor:
        """Maps normalised latents `b t c h w` to frames `b t 3 f·h f·w`, clamped to -1..1."""
        frames: Tensor = self.decoder(latents * self.latent_std + self.latent_mean)
        return frames.clamp(-1, 1)

    def latent_axes(self) -> dict[str, LatentAxis]:
        """Says which buffers depend on the number of latent channels, see `LatentSized`."""
        return dict.fromkeys(("latent_mean", "latent_std"), LatentAxis(0, (PER_CHANNEL,), keeps_initial=True))

    @torch.no_grad()
    def channel_gain(self) -> Tensor:
        """Returns how strongly each normalised latent channel moves pixels, relative to their mean: `c`.

        The linear path decides it.
        """
        gain = self.decoder.linear.weight.flatten(2).square().sum((0, 2)).sqrt() * self.latent_std.flatten()
        return gain / gain.mean()

    @torch.no_grad()
    def initialise_linear(self, pictures: Tensor) -> None:
        """Sets the linear path to the whitened principal components of the f×f blocks of pictures `b 3 h w`."""
        blocks = nn.functional.pixel_unshuffle(pictures, self.config.factor)
        blocks = rearrange(blocks, "b c h w -> (b h w) c").double()
        mean = blocks.mean(0)
        variance, components = torch.linalg.eigh(torch.cov((blocks - mean).T))
        k = self.config.latent_channels
        scale, components = variance[-k:].flip(0).clamp(min=1e-8).sqrt(), components[:, -k:].flip(1).T
        encoder, decoder = self.encoder.linear, self.decoder.linear
        encoder.weight.copy_((components / scale[:, None])[..., None, None])
        _bias_of(encoder).copy_(-(components / scale[:, None]) @ mean)
        decoder.weight.copy_((components * scale[:, None]).T[..., None, None])
        _bias_of(decoder).copy_(mean)

    @torch.no_grad()
    def add_linear_channels(self, pictures: Tensor, first: int) -> None:
        """Initialises the linear path of the channels from `first` on with what pictures lose without them.

        Of all linear maps from blocks to so few numbers and back, it is the best one (reduced-rank regression).

        Args:
            pictures: Pictures `b 3 h w` in -1..1.
            first: The first channel to initialise.
        """
        k = self.config.latent_channels - first
        made = self.decoder(self.encoder(pictures).mean[:, None])[:, 0]
        blocks, lost = (
            rearrange(nn.functional.pixel_unshuffle(p, self.config.factor), "b c h w -> (b h w) c").double()
            for p in (pictures, pictures - made)
        )
        mean = blocks.mean(0)
        centred = blocks - mean
        covariance = centred.T @ centred / len(blocks)
        covariance.diagonal().add_(1e-6 * covariance.diagonal().mean())
        lost_of_blocks = torch.linalg.solve(covariance, centred.T @ lost / len(blocks))  # blocks @ it is what is lost
        _, directions = torch.linalg.eigh(lost_of_blocks.T @ covariance @ lost_of_blocks)
        directions = directions[:, -k:].flip(1)
        rows = lost_of_blocks @ directions
        scale = (rows.T @ covariance @ rows).diagonal().clamp(min=1e-8).sqrt()
        encoder, decoder = self.encoder.linear, self.decoder.linear
        encoder.weight[first:] = (rows / scale).T[..., None, None].float()
        _bias_of(encoder)[first:] = -(mean @ rows / scale).float()
        decoder.weight[:, first:] = (directions * scale)[..., None, None].float()

    @torch.no_grad()
    def set_latent_statistics(self, means: Tensor) -> None:
        """Sets the normalisation of each channel from unnormalised posterior means `b c h w`."""
        self.latent_mean.copy_(means.mean((0, 2, 3))[:, None, None])
        self.latent_std.copy_(means.std((0, 2, 3))[:, None, None])


def _bias_of(layer: nn.Conv2d) -> Tensor:
    assert layer.bias is not None, "these layers are made with a bias"
    return layer.bias
