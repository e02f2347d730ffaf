"""Arguments that stand twice, or are made of one another, are differentiated once each."""

from __future__ import annotations

import numpy as np

import symgrad as sg
from symgrad.ir.node import make
from symgrad.ir.op import Op


class Product(Op):
    """A composition without a derivative of its own: that of its parts is used."""

    name = "product of two"

    def aval(self, x, y):
        return x

    def lower(self, node):
        x, y = node.args
        return x * y


def test_a_composition_of_arguments_that_are_made_of_one_another():
    x = sg.input("x", (3,))
    y = make(Product(), (sg.exp(x), x), {})
    at = np.array([0.3, -0.2, 0.7])
    slope = np.exp(at) * (1 + at)
    ones = np.ones(3)
    np.testing.assert_allclose(sg.function([x], sg.grad(y.sum(), x))(at), slope)
    np.testing.assert_allclose(sg.function([x], sg.jvp(y, x, ones))(at), slope)


def test_a_leaf_that_is_moved_twice_moves_by_the_sum():
    x = sg.input("x", (2,))
    tangent = sg.jvp(x * x, [x, x], [np.array([1.0, 0.0]), np.array([0.0, 1.0])])
    np.testing.assert_allclose(sg.function([x], tangent)(np.array([3.0, 4.0])), [6.0, 8.0])
