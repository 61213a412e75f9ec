"""Whisper's log mel spectrogram, of a padded window or of the speech alone."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

HOP = 160  # samples between mel frames
FFT = 400  # samples of a Fourier window
FRAME = 2 * HOP  # samples between encoder frames; the second convolution has stride 2


class LogMel:
    """Whisper's log mel spectrogram, in torch.

    Args:
        bins: mel filters.
        samples: the window's length, that of the longest waveform.
    """

    def __init__(self, bins: int, samples: int):
        import torch
        from transformers import WhisperFeatureExtractor

        filters = WhisperFeatureExtractor(feature_size=bins).mel_filters
        self.samples = samples
        self.filters = torch.from_numpy(filters.T.copy()).float()
        self.window = torch.hann_window(FFT)

    def __call__(self, waveforms: "torch.Tensor") -> "torch.Tensor":
        """Spectrograms ``(batch, bins, samples / 160)`` of zero-padded waveforms, float32.

        Args:
            waveforms: ``(batch, any)``; padded with zeros to the whole window.

        Raises:
            ValueError: a waveform is longer than the window.
        """
        from torch.nn import functional

        self._check(waveforms.shape[-1])
        missing = self.samples - waveforms.shape[-1]
        return self._spectra(functional.pad(waveforms.float(), (0, missing)))

    def unpadded(self, waveforms: "torch.Tensor") -> "torch.Tensor":
        """Spectrograms ``(batch, bins, any // 160)`` of waveforms without padding, float32.

        Args:
            waveforms: ``(batch, any)``, all valid. Before its first sample and beyond its last
                one the signal is mirrored, and the last frame, centred less than 160 samples
                before the end, is dropped, as in openai-whisper's ``log_mel_spectrogram``.

        Raises:
            ValueError: a waveform is longer than the window.
        """
        self._check(waveforms.shape[-1])
        return self._spectra(waveforms.float())

    def _check(self, samples: int) -> None:
        if samples > self.samples:
            raise ValueError(f"{samples} samples: the window holds {self.samples}")

    def _spectra(self, waveforms: "torch.Tensor") -> "torch.Tensor":
        """The logarithm is cut 80 dB below each waveform's maximum, then shifted and scaled."""
        import torch

        spectra = torch.stft(waveforms, FFT, HOP, window=self.window, return_complex=True)
        power = spectra[..., :-1].abs().square().contiguous()
        logarithm = (self.filters @ power).clamp(min=1e-10).log10()
        highest = logarithm.amax(dim=(1, 2), keepdim=True)
        return (torch.maximum(logarithm, highest - 8.0) + 4.0) / 4.0

    def to(self, device: "torch.device") -> None:
        """Move to a device, in place."""
        self.filters, self.window = self.filters.to(device), self.window.to(device)
