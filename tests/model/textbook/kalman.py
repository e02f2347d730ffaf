"""A Kalman filter and smoother for a tracked object, from a text on state estimation."""

import numpy as np


def constant_velocity(dt):
    """Transition matrix of position and velocity in the plane."""
    F = np.eye(4)
    F[0, 2] = dt
    F[1, 3] = dt
    return F


H = np.array([[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]])


def process_noise(dt, scale):
    """White acceleration of this strength."""
    q = scale**2
    block = np.array([[dt**4 / 4, dt**3 / 2], [dt**3 / 2, dt**2]])
    return q * np.kron(block, np.eye(2))


def predict(mean, covariance, F, Q):
    return F @ mean, F @ covariance @ F.T + Q


def update(mean, covariance, z, R):
    """The measurement z is taken in; also its log-likelihood."""
    innovation = z - H @ mean
    S = H @ covariance @ H.T + R
    gain = np.linalg.solve(S, H @ covariance).T
    mean = mean + gain @ innovation
    # Joseph's form keeps the covariance symmetric
    A = np.eye(4) - gain @ H
    covariance = A @ covariance @ A.T + gain @ R @ gain.T
    _, logdet = np.linalg.slogdet(S)
    distance = innovation @ np.linalg.inv(S) @ innovation
    log_likelihood = -0.5 * (distance + logdet + 2 * np.log(2 * np.pi))
    return mean, covariance, log_likelihood


def filtered(measurements, start, log_q, log_r, dt=0.5):
    """Means and covariances after each measurement, and the total log-likelihood."""
    F = constant_velocity(dt)
    Q = process_noise(dt, np.exp(log_q))
    R = np.exp(2 * log_r) * np.eye(2)
    mean, covariance = start, 4.0 * np.eye(4)
    means, covariances, predicted, total = [], [], [], 0.0
    for z in measurements:
        mean, covariance = predict(mean, covariance, F, Q)
        predicted.append((mean, covariance))
        mean, covariance, log_likelihood = update(mean, covariance, z, R)
        means.append(mean)
        covariances.append(covariance)
        total = total + log_likelihood
    return means, covariances, predicted, total


def negative_log_likelihood(measurements, start, log_q, log_r):
    """What fits the noise levels."""
    total = filtered(measurements, start, log_q, log_r)[-1]
    return -total / len(measurements)


def smoothed(measurements, start, log_q, log_r, dt=0.5):
    """Rauch, Tung and Striebel: the means given all measurements."""
    F = constant_velocity(dt)
    means, covariances, predicted, _ = filtered(measurements, start, log_q, log_r, dt)
    mean, covariance = means[-1], covariances[-1]
    out = [mean]
    for k in range(len(means) - 2, -1, -1):
        prior_mean, prior_covariance = predicted[k + 1]
        C = np.linalg.solve(prior_covariance, F @ covariances[k]).T
        mean = means[k] + C @ (mean - prior_mean)
        covariance = covariances[k] + C @ (covariance - prior_covariance) @ C.T
        out.append(mean)
    return np.stack(out[::-1])


def roughness(measurements, start, log_q, log_r):
    """How much a smoothed track bends."""
    track = smoothed(measurements, start, log_q, log_r)[:, :2]
    bends = np.diff(track, n=2, axis=0)
    return np.sum(bends**2)
