"""Learn what words mean from their company: skip-gram with negative sampling.

    python examples/word2vec.py [--epochs 8] [--seed 0]

Two tables of vectors, of words and of their neighbours in the text, so that the product of two
rows tells whether the words stand near one another (Mikolov et al., 2013). Words drawn at random
are what does not; those of a batch have them in common, so that all products are one of matrices.
The text is Python's own reference, which comes with the standard library. How well it learned
is measured on paragraphs that it has not read: how often a pair of neighbours has a larger
product than the same words, shuffled. Chance gives 50%.
"""

import argparse
import re
from collections import Counter
from pydoc_data.topics import topics

import numpy as np

import symgrad as sg

WINDOW, RANDOM, WEIGHT, LEAST, SIZE = 5, 64, 8, 5, 32

text = "\n\n".join(topics[title] for title in sorted(topics)).lower()
paragraphs = [re.findall("[a-z_]+", paragraph) for paragraph in re.split(r"\n\s*\n", text)]
counts = Counter(word for paragraph in paragraphs for word in paragraph)
words = [word for word, count in counts.most_common() if count >= LEAST]
index = {word: i for i, word in enumerate(words)}
frequency = np.array([counts[word] for word in words])

word = sg.input("word", ("B",), dtype="int64")
near = sg.input("near", ("B",), dtype="int64")
other = sg.input("other", ("K",), dtype="int64")  # drawn at random

small = sg.init.normal(0.1)
u = sg.nn.embedding(word, len(words), SIZE, init=small, name="word")
v = sg.nn.embedding(sg.concatenate([near, other]), len(words), SIZE, init=small, name="near")
B = word.shape[0]
score = (u * v[:B]).sum(axis=1)
noise = u @ v[B:].T
loss = sg.losses.mean(sg.softplus(-score) + WEIGHT * sg.softplus(noise).mean(axis=1))

model = sg.compile(loss, outputs=score, optimizer=sg.optim.Adam(6e-3))


def pairs(paragraphs, rng):
    """Words and neighbours, (N, 2). Of frequent words only a part is read, as in word2vec."""
    keep = np.sqrt(1e-3 * frequency.sum() / frequency)
    found = []
    for paragraph in paragraphs:
        ids = np.array([index[word] for word in paragraph if word in index], int)
        ids = ids[rng.random(len(ids)) < keep[ids]]
        for distance in range(1, WINDOW + 1):
            found.append(np.column_stack([ids[:-distance], ids[distance:]]))
    found = np.concatenate(found)
    return np.concatenate([found, found[:, ::-1]])


def neighbours(params, word, count=6):
    """The words whose vectors have the smallest angles to that of a word."""
    W = params["word.W"] / np.linalg.norm(params["word.W"], axis=1, keepdims=True)
    return [words[i] for i in np.argsort(-W @ W[index[word]])[1 : count + 1]]


def main(epochs=8, seed=0):
    """Train, print neighbours; give the parameters and the share of pairs told from shuffled."""
    odds = frequency**0.75 / (frequency**0.75).sum()

    def batches(epoch):
        rng = np.random.default_rng([seed, epoch])
        found = rng.permutation(pairs([p for i, p in enumerate(paragraphs) if i % 10], rng))
        for batch in np.array_split(found, len(found) // 512):
            at_random = rng.choice(len(words), RANDOM, p=odds)
            yield {"word": batch[:, 0], "near": batch[:, 1], "other": at_random}

    params = sg.train.fit(model, batches, epochs=epochs, seed=seed).params
    rng = np.random.default_rng(seed)
    true = pairs(paragraphs[::10], rng)
    shuffled = rng.permutation(true[:, 1])
    told = model.predict(params, word=true[:, 0], near=true[:, 1], other=[0])
    apart = (told > model.predict(params, word=true[:, 0], near=shuffled, other=[0])).mean()
    for word in ("list", "float", "exception", "async", "import", "true"):
        print(f"{word:>10}: {', '.join(neighbours(params, word))}")
    print(f"neighbours told from shuffled words: {apart:.1%}")
    return params, apart


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    main(**vars(parser.parse_args()))
