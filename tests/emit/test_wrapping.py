"""Long statements are broken into lines, and strings in them never."""

from symgrad.emit.wrapping import filled, split


def test_a_long_argument_is_broken_after_commas_outside_strings() -> None:
    text = 'np.einsum("nhwcij, ijcm->nhwcm", sliding(x, (3, 3), axis=(1, 2)), kernel.reshape(3))'
    lines = filled([text], 40)
    assert " ".join(lines) == text
    assert max(map(len, lines)) <= 40
    assert any('"nhwcij, ijcm->nhwcm"' in line for line in lines)


def test_an_escaped_quote_ends_no_string() -> None:
    text = r'f("a\", b", "c, d", value)'
    assert " ".join(filled([text], 10)) == text
    assert r'"a\", b",' in " ".join(filled([text], 10)).split("f(")[1]
    assert not any(line.startswith('b"') for line in filled([text], 10))


def test_a_call_is_broken_between_its_arguments() -> None:
    assert split("f(a, g(b, c), d)") == ["f(", "a,", "g(b, c),", "d", ")"]
