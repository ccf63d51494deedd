"""A newer Python's syntax is told from an error; Python 3.13 was asked of each cell here.

An answer that only a newer Python reads leaves its points open; an error loses them.
"""

import ast

import pytest

from coursekit.inside.syntax import newer, odd_characters

NEWER = [
    "type T = int",
    "type Pair[T] = tuple[T, T]",
    "type Deep[T: tuple[int, str]] = dict[str, T]",
    "def f[T](x: T) -> T:\n    return x",
    "def f[T: list[int]](x: T) -> T:\n    return x",
    "def f[\n    T,\n    U,\n](x: T) -> U:\n    return x",
    "async def f[*Ts, **P](x):\n    return x",
    "class A[T]:\n    pass",
    "class A[T: (int, str)](dict[str, T]):\n    def m[U](self, u: U) -> T: ...",
    "a = ['x']\ns = f'{', '.join(a)}'",
    "s = f\"{'\\n'.join('ab')}\"",
    "x = 1\ns = f'{x + # one more\n 1}'",
    "x = 1\ns = f'{x\n + 1}'",
    's = f"{f"{f"{1}"}"}"',
    "d = {'k': 1}\ns = f'{d['k']:>{d['k']}}'",
    "s = rf'{'\\d'}'",
    "x = 1\nprint(f'{x!r:{'>'}10}')",
    "d = dict(k=1)\nprint(f'loss {d['k']:.3f}', f\"{d[\"k\"]}\")",
    "d = dict(k=[1])\nprint(f'''{d['k'][0]} and {'''a'''}''')",
    "if True:\n    type T = int\n    def g[T](a: T):\n        return f'{a['x']}'",
    "s = f'{'a' 'b'}'",
    "s = f'{{}} {'{'}'",
    "s = f'{lambda_['a'] if (lambda_ := {'a': 1}) else 0}'",
    "x = 3; type T = int",
    "x=1\ns = f'{x = } {'a'}'",
    "s = f'{x != y} {'a'}'",
    "s = f'\\N{EM DASH} {'a'}'",
    "s = rf'\\{x} {'a'}'",
    "# it's\ns = f'{'a'}'",
    "t = \"it's f'{\"\ns = f'{'a'}'",
    "'''doc's f' {'''\ns = f'{'a'}'",
    "s = f'{(lambda x: x)(1)} {'a'}'",
    "s = f'{x:{w}.{p}f} {'a'}'",
    "s = f'{a, b} {'c'}'",
    "s = f'{d['a']!r}'",
    "s = f'{x if x else 'no'}'",
    "def f[T = int](x: T):\n    return x",
    "class A[T = list[int]]:\n    pass",
    "type A[T = int] = T",
]
ERRORS = [
    "def f(:\n    pass",
    "x = = 1",
    "type T int",
    "type = = 3",
    "def f[T(x):\n    return x",
    "def f[](x):\n    return x",
    "s = f'{'",
    "s = f'{a b}'",
    "s = f'{', '.join(a}'",
    "print f'{'a'}'",
    "class A[T]:\nx = 1",
    "d[k = 1",
    "def f(x)\n    return f'{x['a']}'",
    "s = 'it's'",
    "s = f'it's {x}'",
    "except ValueError, TypeError:\n    pass",
    "for i in range(3)\n    print(f'{i}')",
    "return x[",
    "type T = ",
    "def gram[int]:\n    pass",
    "s = f'{}'",
    "s = f'{x!}'",
    "if x = 3:\n    pass",
    "def f[T: ](x): pass",
    "s = f'{a['b'}'",
    "s = f'{a]}'",
    "print(f'loss: {}'.format(1), f'{'a'}')",
    "s = f'{x if x} {'a'}'",
    "s = f'{a['b']', x",
    "s = f'{'a'}",
    "s = f'{'a'}}'",
    "s = f'{:.3f}'",
    "s = f'{=}'",
    "s = f'{'a' = 3}'",
    "def f[T, T2: ](x): ...",
]
ODD = {
    "x = 1\u200b + 2": "zero width space",
    "def f(\u2060x):\n    return x": "word joiner",
    "x = ‘a’": "left single quotation mark where ' is meant",
    "x = 3 – 1": "en dash where - is meant",
    "print（x）": "fullwidth left parenthesis where ( is meant",
    "x = y\xa0+ z": "no-break space where a space is meant",
    "x = [1，2]": "fullwidth comma where , is meant",
}


def is_read_here(source):
    try:
        ast.parse(source)
    except SyntaxError:
        return False
    return True


@pytest.mark.parametrize("source", NEWER)
def test_what_only_a_newer_python_reads_is_known(source):
    assert bool(newer(source)) is not is_read_here(source)


@pytest.mark.parametrize("source", ERRORS)
def test_an_error_of_every_python_is_an_error(source):
    assert newer(source) == ""


@pytest.mark.parametrize("source", ODD)
def test_characters_that_look_like_others_are_named(source):
    assert ODD[source] in odd_characters(source)


def test_deep_nesting_comes_to_an_end():
    assert newer("f'{" * 2_000) == ""
