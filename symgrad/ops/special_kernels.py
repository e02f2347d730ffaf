"""The error function and its kin: erf, erfc, erfcx, gelu, ndtr and log_ndtr, for NumPy alone.

Two polynomials serve them all, with one change-over at 3/4: erf(x) / x - 1 in x^2 near 0, and
x erfcx(x) - 1/2 in a variable that folds [0.72, inf) onto an interval. In both a small correction
is added to an exact leading part, so that the polynomial's rounding hardly shows in the sum.
A third gives Mills' ratio for all z >= 0: gelu, its slope and the tails of ndtr are made of it and
of e^(-z^2/2), and need no change-over. float32 has polynomials of its own, of half the degree.
The coefficients interpolate 50-digit values at Chebyshev points. See ``kernels`` for the contract.
"""

# mypy: disable-error-code="no-any-return"

import numpy as np

from symgrad.ops.kernels import as_floating, blocks, deliver, room

__all__ = ["erf", "erfc", "erfcx", "erfcx_integral", "gelu", "gelu_slope", "log_ndtr", "ndtr"]

# erf(x) / x - 1 on |x| <= 3/4, in powers of x^2, highest first
ERF_NEAR = (
    1.1472499701094691e-08, -1.5940066854661717e-07, 1.643068417974155e-06, -1.4924196305569617e-05,
    0.00012055289567541706, -0.0008548326188759752, 0.005223977615420539, -0.026866170644428485,
    0.11283791670952596, -0.37612638903183715, 0.1283791670955126,
)  # fmt: skip
ERF_NEAR_SINGLE = (
    -0.0006756479568680047, 0.005115332112532226, -0.026835114568609705, 0.11283386538414544,
    -0.37612619469437675, 0.12837916557875168,
)  # fmt: skip

# x erfcx(x) - 1/2 on [0.72, inf), in powers of (x - 1.5) / (x + 1.5), highest first
ERFCX_FAR = (
    -3.743868083197443e-07, 6.62419821592817e-06, -3.19198222908607e-05, 6.799026903885928e-05,
    -6.852431052701945e-05, 2.552358991466468e-05, 1.0974907914052152e-05, -2.479131941322793e-05,
    4.704353386453215e-06, 1.7813921173459588e-05, 2.967614764401086e-05, 1.9706652713349306e-05,
    -6.245244167846334e-05, -0.00019163918594090678, -0.00015157331884300436, 0.0004189539618189193,
    0.001328026935204041, 0.0004807794966990676, -0.00513584585625237, -0.008790586322289977,
    0.01982428586407287, 0.06169508794375968, -0.21611410197766365, 0.2284531195664325,
    -0.017621875318523748,
)  # fmt: skip
ERFCX_FAR_SINGLE = (
    -0.00029481543476787207, 5.524456939150748e-05, 0.0017387986853303044, 0.00045009124111806677,
    -0.005233085390880505, -0.008769235950975035, 0.01983236688762401, 0.061693296221900895,
    -0.2161143602240681, 0.22845315201443497, -0.017621873698570874,
)  # fmt: skip

# (1 + z) e^(z^2/2) Phi(-z) - 1/2, in powers of (z - 3.5) / (z + 3.5), highest first: on [0, 39],
# and on [0, 14.5] for float32, in which e^(-z^2/2) is 0 beyond
MILLS = (
    -1.6954872377310928e-10, 2.194566585497553e-10, 3.3418581340556145e-09, 3.1523345637567583e-09,
    -1.6418703580879804e-08, -3.675872360577738e-08, 2.5633791037237738e-08, 1.8771575501600362e-07,
    1.3785202387204894e-07, -6.223634589841313e-07, -1.3669876155931955e-06, 1.2705199476828655e-06,
    7.74293864253803e-06, 6.865230635596343e-07, -3.9073122236591654e-05, -2.4649645781041625e-05,
    0.00021332747639617216, 0.00014748922012165425, -0.001425044414342449, 0.0002627989407166026,
    0.010380366663542884, -0.03025601072515283, 0.03804760650093181, 0.0007868320516199958,
    -0.09771256909316572, -0.02144680864832549,
)  # fmt: skip
MILLS_SINGLE = (
    3.058159306500387e-05, 0.0002075681710642031, 9.867308738610262e-05, -0.0014386503752481898,
    0.00027805636810823513, 0.010386193721647652, -0.030258003551267763, 0.0380468617547089,
    0.0007869291303280682, -0.09771254496477164, -0.02144680950766611,
)  # fmt: skip

# (1 + x)^2 (1/sqrt(pi) - x erfcx(x)) on [0, inf), in powers of (x - 2.5) / (x + 2.5), highest first
ERFCX_INTEGRAL = (
    1.147516392795338e-09, 4.6347013244897663e-10, -1.1217201842330002e-08, -9.13655371038117e-09,
    4.912062228173172e-08, 7.328207053357116e-08, -1.0438630236513109e-07,
    -3.4531518312228506e-07, -7.927043622784325e-08, 1.0529697085388226e-06,
    1.6940209877045044e-06, -1.7098983140802798e-06, -8.657127904231437e-06,
    -3.0836998308279262e-06, 3.2055636427792564e-05, 4.212574857303669e-05,
    -0.00010466677014877328, -0.0002491477887623151, 0.00036906147069037357,
    0.0012255402278541596, -0.0018770912031786896, -0.005108912372732416, 0.01362884439895311,
    0.004458035794033047, -0.058815934120773, 0.08496273657505664, 0.014539526874072336,
    -0.22637375273632868, 0.45537749908749237,
)  # fmt: skip


def horner(coefficients: tuple[float, ...], x: np.ndarray) -> np.ndarray:
    """Evaluate a polynomial, highest coefficient first."""
    y = np.full_like(x, coefficients[0])
    for c in coefficients[1:]:
        y *= x
        y += c
    return y


def split(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Split x into two halves of its digits, whose products are exact (Veltkamp)."""
    scaled = x * (134217729.0 if x.dtype == np.float64 else 4097.0)  # 2^27 + 1, 2^12 + 1
    head = scaled - (scaled - x)
    return head, x - head


def exact_square(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give x^2 as a rounded square and its rounding error (Dekker)."""
    head, tail = split(x)
    square = x * x
    return square, (head * head - square) + tail * (x + head)


def exact_quotient(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give x / y as a rounded quotient q and the remainder x - q y (Dekker)."""
    q = x / y
    head, tail = split(q)
    y_head, y_tail = split(y)
    return q, ((x - head * y_head) - head * y_tail - tail * y_head) - tail * y_tail


def erf_excess(x: np.ndarray) -> np.ndarray:
    """Compute erf(x) - x on |x| <= 3/4."""
    return x * horner(ERF_NEAR if x.dtype == np.float64 else ERF_NEAR_SINGLE, x * x)


def erfc_near(x: np.ndarray) -> np.ndarray:
    """Compute erfc on |x| <= 3/4: 1 - x is nearly exact, and what is added to it small."""
    return (1 - x) - erf_excess(x)


def erfcx_far(x: np.ndarray) -> np.ndarray:
    """Compute x erfcx(x) - 1/2 on [0.72, inf); the limit is reached long before 1e30."""
    x = np.minimum(x, 1e30)
    c = ERFCX_FAR if x.dtype == np.float64 else ERFCX_FAR_SINGLE
    return horner(c, (x - 1.5) / (x + 1.5))


def erfc_far(x: np.ndarray) -> np.ndarray:
    """Compute erfc on [0.72, inf): e^(-x^2) (1/2 + s) / x, with all roundings but two undone."""
    x = np.minimum(x, 30)
    s = erfcx_far(x)
    square, error = exact_square(x)
    g = np.exp(-square)
    half, rest = 0.5 * g, g * (s - error * (0.5 + s))
    total = half + rest
    q, remainder = exact_quotient(total, x)
    return q + (remainder + (rest - (total - half))) / x


def bell(z: np.ndarray) -> np.ndarray:
    """Compute e^(-z^2/2), with the rounding of the square undone."""
    square, error = exact_square(z)
    g = np.exp(-0.5 * square)
    g -= g * (0.5 * error)
    return g


def mills(z: np.ndarray) -> np.ndarray:
    """Compute e^(z^2/2) Phi(-z), Mills' ratio over sqrt(2 pi), on [0, 39]; float32 up to 14.5."""
    c = MILLS if z.dtype == np.float64 else MILLS_SINGLE
    y = horner(c, (z - 3.5) / (z + 3.5))
    y += 0.5
    y /= z + 1
    return y


def erf(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """2/sqrt(pi) int_0^x e^(-t^2) dt: x + x P(x^2) up to 3/4, 1 - e^(-x^2) erfcx(x) beyond."""
    x = as_floating(x)
    y = room(x, out)
    for a, b in blocks(x, y):
        near = np.clip(a, -0.75, 0.75)
        z = np.clip(np.abs(a), 0.75, 30)
        far = 1 - np.exp(-z * z) * (0.5 + erfcx_far(z)) / z
        b[:] = np.where(a == near, a + erf_excess(near), np.copysign(far, a))
    return y if y is out else deliver(y, out)


def erfc(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """1 - erf(x) without cancellation, down to the smallest subnormal; 2 - erfc(-x) below -3/4."""
    x = as_floating(x)
    y = room(x, out)
    for a, b in blocks(x, y):
        near = np.clip(a, -0.75, 0.75)
        tail = erfc_far(np.maximum(np.abs(a), 0.75))
        b[:] = np.where(a == near, erfc_near(near), np.where(a < 0, 2 - tail, tail))
    return y if y is out else deliver(y, out)


def erfcx(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """e^(x^2) erfc(x), which falls as 1 / (x sqrt(pi)); 2 e^(x^2) - erfcx(-x) below -3/4."""
    x = as_floating(x)
    near = np.abs(x) < 0.75
    far = x >= 0.75
    low = ~(near | far)
    y = np.empty_like(x)
    z = np.abs(x[~near])
    y[~near] = (0.5 + erfcx_far(z)) / z
    square, error = exact_square(np.clip(x[~far], -30, 1))
    with np.errstate(over="ignore"):
        g = np.exp(square)
        g *= 1 + error
        y[near] = g[near[~far]] * erfc_near(x[near])
        y[low] = 2 * g[low[~far]] - y[low]
    return deliver(y, out)


def gelu(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """x Phi(x) = h x - |x| Phi(-|x|), with h = 1 for x > 0 and else 0; the last is 0 from 39 on."""
    x = as_floating(x)
    y = room(x, out)
    for a, b in blocks(x, y):
        z = np.minimum(np.abs(a), 39)
        np.subtract(np.maximum(a, -39) * (a > 0), z * mills(z) * bell(z), out=b)
    return y if y is out else deliver(y, out)


def gelu_slope(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """Phi(x) + x Phi'(x) = h + e^(-x^2/2) (x / sqrt(2 pi) - m), with h as above, m odd in x."""
    x = as_floating(x)
    y = room(x, out)
    for a, b in blocks(x, y):
        a = np.clip(a, -39, 39)
        z = np.abs(a)
        m = np.copysign(mills(z), a)
        np.add(m > 0, bell(z) * (0.3989422804014327 * a - m), out=b)
    return y if y is out else deliver(y, out)


def ndtr(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """Phi(x) = erfc(-x/sqrt 2) / 2; beyond 1.05, Phi(-|x|) = e^(-x^2/2) m(|x|), or 1 less that."""
    x = as_floating(x)
    y = room(x, out)
    for a, b in blocks(x, y):
        near = np.clip(a, -1.05, 1.05)
        z = np.minimum(np.abs(a), 39)
        far = np.abs((a > 0) - bell(z) * mills(z))
        b[:] = np.where(a == near, 0.5 * erfc_near(-0.7071067811865476 * near), far)
    return y if y is out else deliver(y, out)


def log_ndtr(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """log(ndtr(x)): log1p(-ndtr(-x)) above 0; below -1.05, -x^2/2 and the log of Mills' ratio."""
    x = as_floating(x)
    far = x < -1.05
    high = x >= 0
    y = ndtr(np.where(high, -x, x))
    z = -x[far]
    with np.errstate(over="ignore", divide="ignore"):
        y = np.where(high, np.log1p(-y), np.log(y))
        log_mills = np.log((0.5 + erfcx_far(0.7071067811865476 * z)) * 0.7071067811865476 / z)
        y[far] = log_mills - 0.5 * (z * z)
    return deliver(y, out)


def erfcx_integral(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """e^(x^2) int_x^inf erfc(t) dt = 1/sqrt(pi) - x erfcx(x), which cancels for x > 0."""
    x = as_floating(x)
    z = np.clip(x, 0, 1e30)
    y = horner(ERFCX_INTEGRAL, (z - 2.5) / (z + 2.5)) / (1 + np.maximum(x, 0)) ** 2
    low = np.minimum(x, 0)
    with np.errstate(over="ignore", invalid="ignore"):
        y = np.where(x < 0, 0.5641895835477563 - low * erfcx(low), y)
    return deliver(y, out)
