"""Filters of signals by Fourier transforms and by convolution."""

import numpy as np


def window(n, kind):
    """Windows by name, from their formulas."""
    t = np.arange(n) / (n - 1)
    if kind == "hann":
        return 0.5 - 0.5 * np.cos(2 * np.pi * t)
    if kind == "hamming":
        return 0.54 - 0.46 * np.cos(2 * np.pi * t)
    return np.ones(n)


def low_pass(signal, cutoff, width, rate=1.0):
    """Frequencies above the cutoff are damped, by a smooth step."""
    n = signal.shape[-1]
    spectrum = np.fft.rfft(signal)
    frequencies = np.fft.rfftfreq(n, d=1 / rate)
    response = 1 / (1 + np.exp((frequencies - cutoff) / width))
    return np.fft.irfft(spectrum * response, n)


def power_spectrum(signal, kind="hann"):
    """Of the windowed signal, so that the total is its mean square."""
    n = signal.shape[-1]
    w = window(n, kind)
    spectrum = np.fft.rfft(signal * w)
    power = np.abs(spectrum) ** 2 / np.sum(w**2)
    # all but the first and the last frequency stand for two
    return np.concatenate([power[:1], 2 * power[1:-1], power[-1:]]) / n


def moving_average(signal, length):
    kernel = np.ones(length) / length
    return np.convolve(signal, kernel, mode="valid")


def autocorrelation(signal):
    """By the theorem of Wiener and Khinchin; padded, so that nothing wraps around."""
    n = signal.shape[0]
    centred = signal - np.mean(signal)
    spectrum = np.fft.fft(np.concatenate([centred, np.zeros(n)]))
    correlation = np.real(np.fft.ifft(spectrum * np.conj(spectrum)))[:n]
    return correlation / correlation[0]


def derivative(signal, length):
    """The derivative of a periodic signal, in the frequency domain."""
    n = signal.shape[0]
    k = 2 * np.pi * np.fft.fftfreq(n, d=length / n)
    return np.real(np.fft.ifft(1j * k * np.fft.fft(signal)))


def denoising(signal, clean, cutoff, width):
    """How well the filter restores a known signal."""
    filtered = low_pass(signal, cutoff, width)
    error = np.mean((filtered - clean) ** 2)
    roughness = np.mean(derivative(filtered, 1.0) ** 2)
    return error + 1e-5 * roughness


def features(signal):
    """A few numbers that describe a signal."""
    power = power_spectrum(signal)
    total = np.sum(power)
    share = power / total
    entropy = -np.sum(share * np.log(share + 1e-12))
    centroid = np.sum(share * np.arange(share.shape[0]))
    smooth = moving_average(signal, 4)
    crossings = np.sum(np.abs(np.diff(np.sign(smooth)))) / 2
    return np.stack([total, entropy, centroid, np.max(autocorrelation(signal)[3:]), crossings])


def description(signal):
    return np.sum(features(signal)[:4])
