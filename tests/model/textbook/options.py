"""Prices of options by the formula of Black and Scholes, with a normal distribution by hand."""

import numpy as np

# Abramowitz and Stegun, 26.2.17
COEFFICIENTS = [0.319381530, -0.356563782, 1.781477937, -1.821255978, 1.330274429]


def normal_density(x):
    return np.exp(-0.5 * x * x) / np.sqrt(2 * np.pi)


def normal_cdf(x):
    """Absolute error below 7.5e-8."""
    t = 1.0 / (1.0 + 0.2316419 * np.abs(x))
    polynomial = 0.0
    for c in reversed(COEFFICIENTS):
        polynomial = (polynomial + c) * t
    upper = normal_density(x) * polynomial
    return np.where(x >= 0, 1.0 - upper, upper)


def d1_d2(spot, strike, rate, volatility, maturity):
    spread = volatility * np.sqrt(maturity)
    d1 = (np.log(spot / strike) + (rate + 0.5 * volatility**2) * maturity) / spread
    return d1, d1 - spread


def call(spot, strike, rate, volatility, maturity):
    d1, d2 = d1_d2(spot, strike, rate, volatility, maturity)
    return spot * normal_cdf(d1) - strike * np.exp(-rate * maturity) * normal_cdf(d2)


def put(spot, strike, rate, volatility, maturity):
    """From the parity of puts and calls."""
    price = call(spot, strike, rate, volatility, maturity)
    return price - spot + strike * np.exp(-rate * maturity)


def greeks(spot, strike, rate, volatility, maturity):
    """The closed forms, which a gradient should reproduce."""
    d1, d2 = d1_d2(spot, strike, rate, volatility, maturity)
    density = normal_density(d1)
    root = np.sqrt(maturity)
    discount = np.exp(-rate * maturity)
    return {
        "delta": normal_cdf(d1),
        "gamma": density / (spot * volatility * root),
        "vega": spot * density * root,
        "theta": -spot * density * volatility / (2 * root)
        - rate * strike * discount * normal_cdf(d2),
        "rho": strike * maturity * discount * normal_cdf(d2),
    }


def implied_volatility(price, spot, strike, rate, maturity, steps=6):
    """Newton's method from a good first guess."""
    volatility = np.sqrt(2 * np.pi / maturity) * price / spot
    for _ in range(steps):
        miss = call(spot, strike, rate, volatility, maturity) - price
        vega = greeks(spot, strike, rate, volatility, maturity)["vega"]
        volatility = volatility - miss / np.maximum(vega, 1e-6)
    return volatility


def smile(strike, spot, base, skew, curvature):
    """A volatility that depends on how far the strike is from the spot."""
    moneyness = np.log(strike / spot)
    return base + skew * moneyness + curvature * moneyness**2


def portfolio(spot, rate, base, skew, curvature, strikes, maturities, amounts):
    """The value of calls and puts on a grid of strikes and maturities."""
    K, T = np.meshgrid(strikes, maturities, indexing="ij")
    volatility = smile(K, spot, base, skew, curvature)
    calls = call(spot, K, rate, volatility, T)
    puts = put(spot, K, rate, volatility, T)
    values = np.where(amounts > 0, amounts * calls, -amounts * puts)
    return np.sum(values)


def fit(market, spot, rate, base, skew, curvature, strikes, maturity):
    """The squared distance of a smile from what the market implies."""
    implied = implied_volatility(market, spot, strikes, rate, maturity)
    model = smile(strikes, spot, base, skew, curvature)
    weights = np.exp(-((strikes / spot - 1.0) ** 2) / 0.02)
    return np.sum(weights * (implied - model) ** 2) / np.sum(weights)
