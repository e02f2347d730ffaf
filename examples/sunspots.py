"""Next year's sunspots: an LSTM against persistence and an autoregressive model.

    python examples/sunspots.py [--until 2009] [--epochs 100] [--seeds 5]

The last 60 years are forecast, each from the 20 years before it; all that is fitted is fitted to
the years before those 60. Roots of the numbers are modelled, whose scatter is even: by networks
that differ in their seed, whose forecasts are averaged, and by an autoregressive model, whose order
Akaike's criterion chooses. All choices were made with --until 1949 and --until 1889, which look at
no later year. Needs statsmodels, for the data.
"""

import argparse

import numpy as np
import statsmodels.api as sm
from statsmodels.tsa.ar_model import AutoReg, ar_select_order

import symgrad as sg

PAST, AHEAD = 20, 60

x, y = sg.input("x", ("B", PAST)), sg.input("y", ("B",))
_, (h, _) = sg.nn.lstm(x[:, :, None], 8, forget_bias=1.0, name="memory")
linear = sg.nn.dense(x[:, -9:], 1, init=0.0, name="linear")
forecast = (linear + sg.nn.dense(h, 1, bias=False, name="out"))[:, 0]
loss = sg.losses.mean(sg.losses.mse(forecast, y))


def windows(series, times):
    """The values at some times, each with those of the `PAST` years before it."""
    return {"x": series[times[:, None] + np.arange(-PAST, 0)], "y": series[times]}


def network(series, split, epochs, seeds):
    """One-step forecasts from `split` on by a network for each seed: (seeds, years)."""
    mean, std = series[:split].mean(), series[:split].std()
    scaled = (series - mean) / std
    train = windows(scaled, np.arange(PAST, split))
    test = windows(scaled, np.arange(split, len(series)))
    rate = sg.optim.cosine(5e-3, epochs * -(-(split - PAST) // 32))
    model = sg.compile(loss, outputs=forecast, optimizer=sg.optim.AdamW(rate))
    fits = [sg.train.fit(model, train, epochs=epochs, seed=seed) for seed in range(seeds)]
    return np.stack([mean + std * model.predict(fit.params, x=test["x"]) for fit in fits])


def autoregression(series, split):
    """One-step forecasts from `split` on by a linear model of the years before."""
    order = max(ar_select_order(series[:split], PAST, ic="aic").ar_lags)
    params = AutoReg(series[:split], order).fit().params
    return AutoReg(series, order).predict(params, start=split)


def main(until=2009, epochs=100, seeds=5):
    """Print and give the root of the mean squared error of each forecast."""
    years, spots = sm.datasets.sunspots.load_pandas().data.to_numpy().T
    spots = spots[years < until]
    roots = np.sqrt(spots)
    split = len(spots) - AHEAD
    each = network(roots, split, epochs, seeds) ** 2
    forecasts = {
        "persistence": spots[split - 1 : -1],
        "autoregression": autoregression(spots, split),
        "autoregression of roots": autoregression(roots, split) ** 2,
        "LSTM": each.mean(axis=0),
    }
    errors = {k: np.sqrt(np.mean((v - spots[split:]) ** 2)) for k, v in forecasts.items()}
    for name, error in errors.items():
        print(f"{name:24} {error:6.2f}")
    alone = np.sqrt(np.mean((each - spots[split:]) ** 2, axis=1))
    print(f"each network alone {alone.min():11.2f} .. {alone.max():.2f}")
    return errors


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--until", type=int, default=2009)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=5)
    main(**vars(parser.parse_args()))
