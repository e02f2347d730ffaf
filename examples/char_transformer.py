"""Train a transformer on English text, a character at a time, and let it write.

    python examples/char_transformer.py [--steps 900] [--seed 0]

The text is that of Python's own help topics, 465 kB in the standard library. Every tenth piece of
8,192 characters is held out. What is measured is the cross-entropy of the next character in bits;
for comparison, what knowing the frequencies of all triples of characters gives.
"""

import argparse
import math
from collections import Counter
from pydoc_data.topics import topics

import numpy as np

import symgrad as sg

T, WIDTH, HEADS, BLOCKS = 128, 128, 4, 4
TEXT = "\n".join(topics[name] for name in sorted(topics))
LETTERS = sorted(set(TEXT))
CODES = np.array([LETTERS.index(c) for c in TEXT])
PIECES = [CODES[i : i + 8192] for i in range(0, len(CODES) - 8192, 8192)]
HELD_OUT = np.concatenate(PIECES[9::10])
TRAINING = np.concatenate([p for i, p in enumerate(PIECES) if i % 10 != 9])


def build(steps):
    """Logits of the next character at each place, and the model."""
    with sg.default_dtype("float32"):
        x = sg.input("x", ("B", "T"), dtype="int64")
        y = sg.input("y", ("B", "T"), dtype="int64")
        h = sg.nn.embedding(x, len(LETTERS), WIDTH, name="letters")
        for i in range(BLOCKS):
            h = sg.nn.transformer_block(
                h, HEADS, causal=True, rotary=True, activation=sg.relu, name=f"block{i + 1}"
            )
        z = sg.nn.dense(sg.nn.layer_norm(h, name="norm"), len(LETTERS), name="out")
        loss = sg.losses.mean(sg.losses.softmax_cross_entropy(z, y))
        rate = sg.optim.warm_up(sg.optim.cosine(2e-3, steps), 100)
        adam = sg.optim.chain(sg.optim.clip_by_global_norm(1.0), sg.optim.AdamW(rate))
    return sg.compile(loss, outputs=z, optimizer=adam)


def windows(codes, size, count, seed):
    """Batches of windows that begin anywhere, with the characters that follow."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        at = rng.integers(0, len(codes) - T, size)[:, None] + np.arange(T + 1)
        yield {"x": codes[at[:, :-1]], "y": codes[at[:, 1:]]}


def held_out_windows():
    """All of the held-out text, in windows of T characters."""
    at = np.arange(0, len(HELD_OUT) - T, T)[:, None] + np.arange(T + 1)
    return {"x": HELD_OUT[at[:, :-1]], "y": HELD_OUT[at[:, 1:]]}


def of_triples():
    """Bits per character of the held-out text, if each follows from the two before."""
    counts = [
        Counter(zip(*(codes[i : len(codes) - 2 + i] for i in range(length)), strict=True))
        for codes, length in ((TRAINING, 3), (TRAINING, 2), (HELD_OUT, 3))
    ]
    triples, pairs, asked = counts
    bits = sum(
        n * math.log2((pairs[t[:2]] + 0.1 * len(LETTERS)) / (triples[t] + 0.1))
        for t, n in asked.items()
    )
    return bits / asked.total()


def write(model, params, prompt, count, rng):
    """Go on with a text, each character drawn from the model's probabilities."""
    codes = [LETTERS.index(c) for c in prompt]
    for _ in range(count):
        z = model.predict(params, x=np.array([codes[-T:]]))[0, -1].astype(float)
        p = np.exp(z - z.max())
        codes.append(rng.choice(len(p), p=p / p.sum()))
    return "".join(LETTERS[c] for c in codes)


def main(steps=900, seed=0):
    """Train, print what is reached and a sample, and give the bits per character."""
    model = build(steps)
    result = sg.train.fit(model, lambda: windows(TRAINING, 16, steps, seed), epochs=1, seed=seed)
    nats = sg.train.evaluate(model, result.params, held_out_windows(), batch_size=16)["loss"]
    bits = nats / np.log(2)
    print(f"held out: {bits:.3f} bits per character; triples: {of_triples():.3f}")
    print(write(model, result.params, "The statement ", 300, np.random.default_rng(seed)))
    return bits


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=900)
    parser.add_argument("--seed", type=int, default=0)
    main(**vars(parser.parse_args()))
