"""Record what Optax's optimisers do to the network of ``test_optim``, as ``optax.json``.

Of the rules that PyTorch lacks, or has in another form. Needs Optax, and not symgrad:
``python tests/optim/record_optax.py``.
"""

import json
import math
from pathlib import Path

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp  # noqa: E402
import optax  # noqa: E402

STEPS = 50
OPTIMIZERS = {
    "nadam": optax.nadam(0.02, b1=0.8, b2=0.95),
    "lion": optax.lion(0.01, weight_decay=0.0),
    "lion_decay": optax.lion(0.01, b1=0.8, b2=0.9, weight_decay=0.5),
    "clip": optax.chain(optax.clip(0.05), optax.adam(0.02)),
    "clip_by_global_norm": optax.chain(optax.clip_by_global_norm(0.4), optax.adam(0.02)),
}
SCHEDULES = {
    "piecewise": optax.piecewise_constant_schedule(0.4, {5: 0.5, 20: 0.5}),
    "exponential": optax.exponential_decay(0.4, 10, 0.5),
    "cosine": optax.cosine_decay_schedule(0.4, 30, alpha=0.1),
    "linear": optax.linear_schedule(0.4, 0.1, 30),
}


def table(rows: int, columns: int, frequency: float) -> jax.Array:
    """Numbers that any program can make again: sin(frequency (1 + k)), row by row."""
    values = [math.sin(frequency * (1 + k)) for k in range(rows * columns)]
    return jnp.array(values).reshape(rows, columns)


def trajectory(name: str) -> dict[str, list[float]]:
    x, y = table(12, 3, 1.7), table(12, 1, 0.9)
    params = [table(3, 4, 2.3), table(1, 4, 3.1)[0], table(4, 1, 4.3)]

    def loss(p: list[jax.Array]) -> jax.Array:
        return ((jnp.tanh(x @ p[0] + p[1]) @ p[2] - y) ** 2).mean()

    optimizer = OPTIMIZERS[name]

    @jax.jit
    def step(params, state, mean):
        value, grads = jax.value_and_grad(loss)(params)
        updates, state = optimizer.update(grads, state, params)
        params = optax.apply_updates(params, updates)
        return value, params, state, optax.incremental_update(params, mean, 0.1)

    state, mean, losses = optimizer.init(params), params, []
    for _ in range(STEPS):
        value, params, state, mean = step(params, state, mean)
        losses.append(float(value))
    flat = {"params": params, "average": mean}
    return {"losses": losses} | {
        key: [float(v) for p in value for v in p.ravel()] for key, value in flat.items()
    }


if __name__ == "__main__":
    found = {
        "optax": optax.__version__,
        **{name: trajectory(name) for name in OPTIMIZERS},
        "schedules": {
            name: [float(schedule(n)) for n in range(STEPS)] for name, schedule in SCHEDULES.items()
        },
    }
    Path(__file__).with_name("optax.json").write_text(json.dumps(found, indent=1) + "\n")
