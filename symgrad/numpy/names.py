"""What NumPy has and expressions have no function for: used as it is, or absent for a reason."""

from __future__ import annotations

from symgrad.ir.absent import ABSENT

__all__ = ["ABSENCES", "OWN"]


def _names(*lines: str) -> frozenset[str]:
    return frozenset(" ".join(lines).split())


#: namespace -> names of constants, dtypes and functions of them, which are NumPy's own
OWN: dict[str, frozenset[str]] = {
    "": _names(
        # constants
        "False_ True_ e euler_gamma inf nan newaxis pi little_endian s_ index_exp",
        # dtypes
        "bool bool_ int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64",
        "complex64 complex128 byte short intc int_ intp long longlong ubyte ushort uintc uint",
        "uintp ulong ulonglong half single double csingle cdouble number integer signedinteger",
        "unsignedinteger inexact floating complexfloating generic dtype ScalarType",
        # what is known of dtypes, shapes and Python objects
        "can_cast finfo iinfo isdtype issubdtype min_scalar_type mintypecode promote_types",
        "sctypeDict typecodes typename isscalar iterable ndindex errstate",
        # arrays of indices, and others made of numbers alone: constants
        "fromfunction mask_indices mgrid ogrid ravel_multi_index unravel_index bartlett blackman",
        "hamming hanning kaiser",
    ),
    "linalg": frozenset({"LinAlgError"}),
    "fft": frozenset(),
}

_PRINTS = "it prints values, and an expression has none; print what a compiled function returns"
_DATA = "it reads or writes data; use numpy for data, and pass the arrays to a compiled function"
_CLASS = "an expression is a symgrad.Expr; use numpy for arrays"
_DATES = "expressions hold numbers and booleans: convert dates to numbers before"
_TEXT = "expressions hold numbers and booleans, no text and no objects"
_LONG = "expressions have at most 64 bits for a real number"
_MODULE = "it is a part of numpy about arrays with values; use it on data, from numpy"
_SETTING = "it is a setting of numpy; use it around the call of a compiled function, from numpy"
_MEMORY = "the memory of values is the compiler's concern"
_PYTHON = (
    "it calls a Python function for each element; call the function on the expression itself, or "
    "use sg.vmap"
)
_JOIN = "an expression is no index; use sg.concatenate, sg.hstack or sg.column_stack"
_ROOTS = "it is made of roots or fits by least squares; sg.linalg.eigvals and sg.linalg.lstsq are"
_BINS = "sg.histogram counts values between edges that are given"

_GROUPS: dict[str, str] = {
    _PRINTS: "array2string array_repr array_str base_repr binary_repr format_float_positional "
    "format_float_scientific get_printoptions set_printoptions printoptions info",
    _DATA: "from_dlpack frombuffer fromfile fromiter fromregex fromstring genfromtxt load loadtxt "
    "memmap save savetxt savez savez_compressed",
    _CLASS: "asmatrix bmat broadcast flatiter matrix ndarray ndenumerate nditer nested_iters "
    "poly1d recarray record ufunc void",
    _DATES: "busday_count busday_offset busdaycalendar datetime64 datetime_as_string datetime_data "
    "is_busday isnat timedelta64",
    _TEXT: "bytes_ char character flexible object_ str_ strings",
    _LONG: "clongdouble complex256 float128 longdouble",
    _MODULE: "core ctypeslib dtypes emath exceptions f2py lib ma polynomial rec test testing "
    "typing get_include show_config show_runtime",
    _SETTING: "getbufsize geterr geterrcall setbufsize seterr seterrcall",
    _MEMORY: "asfortranarray isfortran require",
    _PYTHON: "frompyfunc vectorize",
    _JOIN: "c_ r_",
    _ROOTS: "poly polydiv polyfit roots",
    _BINS: "histogram2d histogram_bin_edges histogramdd",
    "it draws when it is called; sg.random draws at each call of a compiled function": "random",
    "a check of values: compile with debug='nan'": "asarray_chkfinite",
    "sg.einsum orders the contraction by itself": "einsum_path",
    "it is a deprecated name; use sg.vstack": "row_stack",
    "use x.astype(dtype) with a dtype of yours": "common_type real_if_close",
    "complex numbers have no order; use sg.sort of what is real of them": "sort_complex",
    "bits in bytes: use shifts and &": "packbits unpackbits",
}

#: namespace -> name -> why symgrad has no such function, and what does the same
ABSENCES: dict[str, dict[str, str]] = {
    "": {name: why for why, names in _GROUPS.items() for name in names.split()} | ABSENT,
    "linalg": {"test": _MODULE},
    "fft": {"test": _MODULE},
}
