"""A classifier with two hidden layers, as a first course on neural networks writes it.

Everything is plain NumPy: weights in lists, activations by name, a loop over the layers, dropout
masks that were drawn before, and a cross-entropy with weight decay.
"""

import numpy as np


def relu(z):
    return np.maximum(z, 0.0)


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def leaky(z, slope=0.1):
    return np.where(z > 0, z, slope * z)


ACTIVATIONS = {"relu": relu, "sigmoid": sigmoid, "tanh": np.tanh, "leaky": leaky}


def normalise(x, eps=1e-6):
    """Zero mean and unit variance for each feature."""
    mean = np.mean(x, axis=0)
    deviation = x - mean
    variance = np.mean(deviation**2, axis=0)
    return deviation / np.sqrt(variance + eps)


def softmax(scores):
    shifted = scores - np.max(scores, axis=1, keepdims=True)
    exponentials = np.exp(shifted)
    return exponentials / np.sum(exponentials, axis=1, keepdims=True)


def one_hot(labels, classes):
    return np.eye(classes)[labels]


def forward(x, weights, biases, activations, mask):
    """The class probabilities, and the activations of every layer."""
    layers = [normalise(x)]
    for i, (W, b) in enumerate(zip(weights, biases, strict=True)):
        z = np.dot(layers[-1], W) + b
        last = i == len(weights) - 1
        if last:
            layers.append(z)
        else:
            a = ACTIVATIONS[activations[i]](z)
            if i == 0:
                a = a * mask / np.mean(mask)
            layers.append(a)
    return softmax(layers[-1]), layers


def cross_entropy(probabilities, targets):
    """The mean over the batch of -log p of the right class."""
    logarithms = np.log(probabilities)
    return -np.mean(np.sum(targets * logarithms, axis=1))


def weight_decay(weights, strength):
    total = 0.0
    for W in weights:
        total += np.sum(np.square(W))
    return 0.5 * strength * total


def accuracy(probabilities, labels):
    return np.mean(np.argmax(probabilities, axis=1) == labels)


def loss(x, labels, weights, biases, mask, activations=("relu", "tanh"), strength=1e-2):
    """What training minimises."""
    classes = biases[-1].shape[0]
    targets = one_hot(labels, classes)
    probabilities, layers = forward(x, weights, biases, activations, mask)
    data = cross_entropy(probabilities, targets)
    penalty = weight_decay(weights, strength)
    sparsity = np.mean(np.abs(layers[1]))
    return data + penalty + 1e-3 * sparsity


def report(x, labels, weights, biases, mask, activations=("leaky", "sigmoid")):
    """Numbers that one prints after an epoch."""
    probabilities, layers = forward(x, weights, biases, activations, mask)
    norms = [np.linalg.norm(W) for W in weights]
    confidence = np.max(probabilities, axis=1)
    return {
        "accuracy": accuracy(probabilities, labels),
        "confidence": (np.min(confidence), np.mean(confidence), np.max(confidence)),
        "norms": np.stack(norms),
        "active": np.mean(layers[1] > 0, axis=0),
    }
