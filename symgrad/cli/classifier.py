"""A two-layer classifier of 8 x 8 images of digits, its loss written by hand."""

import symgrad as sg

x = sg.input("x", ("B", 64))
y = sg.input("y", ("B",), dtype="int64")

with sg.scope("hidden"):
    W = sg.param("W", (64, 128), init=sg.init.he_normal())
    h = sg.relu(x @ W + sg.param("b", (128,)))
with sg.scope("out"):
    z = h @ sg.param("W", (128, 10), init=sg.init.glorot_uniform()) + sg.param("b", (10,))

e = sg.exp(z)
p = e / e.sum(axis=1, keepdims=True)
loss = -sg.log(p)[sg.arange(x.shape[0]), y].mean()

model = sg.compile(loss, outputs=p, optimizer=sg.optim.Adam(3e-3))
