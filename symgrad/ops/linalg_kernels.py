"""Linear algebra that NumPy lacks. Matrices are the last two axes of stacks of any shape.

The compiler copies the source of these functions into the modules that it generates, so each uses
NumPy, other kernels and module-level tuples only.
"""

# copied into modules that people read: without annotations, as in the rest of that source
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

import numpy as np

__all__ = [
    "cofactors",
    "expm",
    "inverse_gaps",
    "p_norm",
    "real_eig",
    "real_eigvals",
    "solve_triangular",
]


def real_eigvals(a):
    """Eigenvalues of a; LinAlgError if one is complex."""
    w = np.linalg.eigvals(a)
    if np.iscomplexobj(w):
        raise np.linalg.LinAlgError("a matrix has complex eigenvalues; expected real ones")
    return w


def real_eig(a):
    """Eigenvalues and eigenvectors of a; LinAlgError if one is complex."""
    w, v = np.linalg.eig(a)
    if np.iscomplexobj(w):
        raise np.linalg.LinAlgError("a matrix has complex eigenvalues; expected real ones")
    return w, v


def inverse_gaps(w):
    """1 / (w_j - w_i), and 0 where the two are the same value but for rounding."""
    gaps = w[..., None, :] - w[..., :, None]
    largest = np.abs(w).max(axis=-1, initial=0)[..., None, None]
    tied = np.abs(gaps) <= 4 * w.shape[-1] * np.finfo(w.dtype).eps * largest
    return np.where(tied, 0, 1 / np.where(tied, 1, gaps)).astype(w.dtype)


def solve_triangular(a, b, lower=False, transposed=False, unit=False):
    """x with t x = b, or t^T x = b, where t is one triangle of a; b is made of columns.

    Blocks are solved one after the other, from an upper triangular form: there LAPACK's general
    solver is plain back substitution, for it finds nothing to exchange and nothing to eliminate.
    """
    if transposed:
        a, lower = np.swapaxes(a, -1, -2), not lower
    if lower:
        x = solve_triangular(a[..., ::-1, ::-1], b[..., ::-1, :], unit=unit)
        return x[..., ::-1, :]
    n = a.shape[-1]
    if n <= 64:
        a = np.triu(a, 1 if unit else 0)
        return np.linalg.solve(a + np.eye(n, dtype=a.dtype) if unit else a, b)
    half = n // 2
    last = solve_triangular(a[..., half:, half:], b[..., half:, :], unit=unit)
    rest = b[..., :half, :] - a[..., :half, half:] @ last
    first = solve_triangular(a[..., :half, :half], rest, unit=unit)
    return np.concatenate((first, last), axis=-2)


def cofactors(a, *along):
    """The matrix of cofactors of a: the gradient of det(a), for any rank.

    With matrices after a: its derivative along them. All are polynomials of one degree in a: a
    power of two is taken out, so that products of entries stay in range, and put back.
    """
    given = (a, *along)
    lost = sum(~np.isfinite(x).all(axis=(-2, -1), keepdims=True) for x in given) > 0
    if lost.any():
        known = cofactors(*[np.where(lost, 0, x) for x in given])
        return np.where(lost, np.nan, known).astype(a.dtype)
    exponent = np.frexp(np.abs(a).max(axis=(-2, -1), keepdims=True, initial=0))[1]
    scaled = _cofactors(np.ldexp(a, -exponent), *along)
    return np.ldexp(scaled, (a.shape[-1] - 1 - len(along)) * exponent)


def _cofactors(a, *along):
    """The same for finite matrices.

    From the singular values the products without one of them, or two, are exact where others
    are 0; where nothing is small, the transposed inverse times the determinant is as good.
    """
    kind = a.dtype
    x = None if along else _inverse_far_from_singular(a)
    if x is not None:
        return np.linalg.det(a)[..., None, None] * np.swapaxes(x, -1, -2)
    if len(along) > 1:
        return _cofactors_along(a.astype(np.float64), along).astype(kind)
    u, s, vt = np.linalg.svd(a.astype(np.complex128 if kind.kind == "c" else np.float64))
    turn = np.linalg.det(u @ vt)[..., None, None]
    turn = turn / np.abs(turn)
    one, two = _products_without(s)
    u, vt = u.conj(), vt.conj()
    if not along:
        return (turn * (u * one[..., None, :]) @ vt).astype(kind)
    h = np.swapaxes(u, -1, -2) @ along[0] @ np.swapaxes(vt, -1, -2)
    inner = -two * np.swapaxes(h, -1, -2)
    i = np.arange(a.shape[-1])
    inner[..., i, i] = (two @ np.diagonal(h, 0, -2, -1)[..., None])[..., 0]
    return (turn * u @ inner @ vt).astype(kind)


def _inverse_far_from_singular(a):
    """Inverses, if inverting every matrix loses less than three digits; None otherwise."""
    if not a.size or a.dtype.kind == "c":
        return None
    try:
        x = np.linalg.inv(a)
    except np.linalg.LinAlgError:
        return None
    return x if np.all(_largest_column(a) * _largest_column(x) < 1e3) else None


def _largest_column(a):
    return np.abs(a).sum(axis=-2).max(axis=-1, initial=0.0)


def _products_without(s):
    """Products of all numbers >= 0 but one, and of all but two; 0 for twice the same."""
    m, e = np.frexp(s)
    zero = s == 0
    m = np.where(zero, 1, m)
    count = zero.sum(axis=-1, keepdims=True)
    product, power = m.prod(axis=-1, keepdims=True), e.sum(axis=-1, keepdims=True)
    one = np.where(count - zero == 0, np.ldexp(product / m, power - e), 0)
    pair = zero[..., None] + zero[..., None, :].astype(int)
    two = product[..., None] / m[..., None] / m[..., None, :]
    two = np.ldexp(two, power[..., None] - e[..., None] - e[..., None, :])
    different = ~np.eye(s.shape[-1], dtype=bool)
    return one, np.where((count[..., None] - pair == 0) & different, two, 0)


def _cofactors_along(a, along):
    """Higher derivatives of the cofactors, which are polynomials: their values on circles."""
    n, k = a.shape[-1], len(along)
    if k >= n:
        return np.zeros(np.broadcast_shapes(a.shape, *[h.shape for h in along]))
    turns = np.exp(2j * np.pi * np.arange(n) / n)
    size = np.linalg.norm(a, axis=(-2, -1), keepdims=True)
    size = np.where(size == 0, 1, size)
    total, scale = 0.0, 1.0
    directions = []
    for h in along:
        length = np.linalg.norm(h, axis=(-2, -1), keepdims=True)
        directions.append(h / np.where(length == 0, 1, length) * size)
        scale = scale * length / size
    for signs in range(2 ** (k - 1)):
        signed = [-h if signs >> i & 1 else h for i, h in enumerate(directions)]
        points = a + turns.reshape(n, *[1] * max(h.ndim for h in (a, *along))) * sum(signed)
        values = _cofactors(points)
        weights = (turns**-k).reshape(n, *[1] * (values.ndim - 1))
        total = total + (-1) ** signs.bit_count() * (values * weights).mean(axis=0).real
    return total * scale / 2 ** (k - 1)


def expm(a, *along):
    """The exponential of a; with matrices after a, its derivative along them.

    Pade approximant of degree 13 with scaling and squaring (Al-Mohy and Higham, 2009). A
    derivative is the upper right block of the exponential of [[a, h], [0, a]].
    """
    if along:
        return _expm_along(a, along)
    eye = np.eye(a.shape[-1], dtype=a.dtype)
    halvings = _halvings(a)
    a = np.ldexp(a, -halvings[..., None, None])
    a2 = a @ a
    a4 = a2 @ a2
    a6 = a4 @ a2
    b = _PADE
    u = a6 @ (b[13] * a6 + b[11] * a4 + b[9] * a2)
    u = a @ (u + b[7] * a6 + b[5] * a4 + b[3] * a2 + b[1] * eye)
    v = a6 @ (b[12] * a6 + b[10] * a4 + b[8] * a2)
    v = v + b[6] * a6 + b[4] * a4 + b[2] * a2 + b[0] * eye
    x = np.linalg.solve(v - u, v + u)
    for i in range(halvings.max(initial=0)):
        x = np.where((halvings > i)[..., None, None], x @ x, x)
    return x


_PADE = (
    64764752532480000.0, 32382376266240000.0, 7771770303897600.0, 1187353796428800.0,
    129060195264000.0, 10559470521600.0, 670442572800.0, 33522128640.0,
    1323241920.0, 40840800.0, 960960.0, 16380.0, 182.0, 1.0,
)  # fmt: skip


def _halvings(a):
    """How often a is halved, so that the approximant is exact but for rounding."""
    a = a.astype(np.float64)
    a2 = a @ a
    a4 = a2 @ a2
    a6 = a4 @ a2
    d6, d8, d10 = (_largest_column(x) ** (1 / k) for x, k in ((a6, 6), (a4 @ a4, 8), (a6 @ a4, 10)))
    size = np.minimum(np.maximum(d6, d8), np.maximum(d8, d10))
    with np.errstate(divide="ignore", invalid="ignore"):
        halvings = np.maximum(np.ceil(np.log2(size / 4.25)), 0)
    halvings = np.where(np.isfinite(halvings), halvings, 0)
    # powers of |a| tell of rounding in a matrix that is far from normal
    scaled = np.abs(a) * 2.0 ** -halvings[..., None, None]
    row = np.ones((*a.shape[:-2], 1, a.shape[-1]))
    for _ in range(27):
        row = row @ scaled
    norm = _largest_column(scaled)
    alpha = row.max(axis=(-2, -1), initial=0.0) / np.where(norm == 0, 1, norm) * 8.83e-36
    with np.errstate(divide="ignore", invalid="ignore"):
        more = np.maximum(np.ceil(np.log2(alpha / 1.1102230246251565e-16) / 26), 0)
    return (halvings + np.where(np.isfinite(more), more, 0)).astype(int)


def _expm_along(a, along):
    *others, h = along
    n = a.shape[-1]
    length = _largest_column(h)[..., None, None]
    h = h / np.where(length == 0, 1, length)
    shape = np.broadcast_shapes(a.shape, *[x.shape for x in along])
    blocks = np.zeros((*shape[:-2], 2 * n, 2 * n), a.dtype)
    blocks[..., :n, :n] = blocks[..., n:, n:] = a
    blocks[..., :n, n:] = h
    doubled = []
    for other in others:
        wide = np.zeros((*other.shape[:-2], 2 * n, 2 * n), a.dtype)
        wide[..., :n, :n] = wide[..., n:, n:] = other
        doubled.append(wide)
    return expm(blocks, *doubled)[..., :n, n:] * length


def p_norm(x, p, axis=None, keepdims=False):
    """(sum |x|^p)^(1/p), scaled by the largest |x|, or the smallest for p < 0."""
    size = np.abs(x)
    if p > 0:
        scale = size.max(axis=axis, keepdims=True, initial=0)
    else:
        scale = size.min(axis=axis, keepdims=True, initial=np.inf)
    scale = np.where((scale > 0) & np.isfinite(scale), scale, 1)
    with np.errstate(divide="ignore", over="ignore", under="ignore", invalid="ignore"):
        total = ((size / scale) ** p).sum(axis=axis, keepdims=keepdims)
        return total ** (1 / p) * scale.reshape(total.shape)
