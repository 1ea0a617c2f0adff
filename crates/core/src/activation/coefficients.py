"""Coefficients of functions.rs: near-minimax polynomials (mpmath's chebyfit, 60 digits) as Rust constants.

    pip install mpmath==1.3.0
    python3 crates/core/src/activation/coefficients.py

Each line says the largest error of its polynomial before it is rounded to the float type.
"""

import struct

from mpmath import chebyfit, cos, erf, erfc, exp, expm1, floor, log, mp, mpf, nstr, pi, sin, sqrt

mp.dps = 60


def at_zero(f, limit):
    """f, and its limit where cancellation would eat the digits."""
    return lambda z: limit if abs(z) < mpf(10) ** -14 else f(z)


EXPM1 = at_zero(lambda r: (expm1(r) - r) / r**2, mpf(1) / 2)
ATANH = at_zero(lambda z: (log((1 + sqrt(z)) / (1 - sqrt(z))) / (2 * sqrt(z)) - 1) / z, mpf(1) / 3)
ERF = at_zero(lambda z: erf(sqrt(z)) / sqrt(z) - 1, 2 / sqrt(pi) - 1)
SIN = at_zero(lambda z: (sin(sqrt(z)) / sqrt(z) - 1) / z, -mpf(1) / 6)
COS = at_zero(lambda z: (cos(sqrt(z)) - 1 + z / 2) / z**2, mpf(1) / 24)


def erfcx(t):
    x = 3 * (1 + t) / (1 - t)
    return (1 + 2 * x) * exp(x * x) * erfc(x)


def literal(value, float_type):
    """The shortest digits that give the float, as Rust writes them."""
    value = float(value)
    if float_type == "f32":
        single = lambda x: struct.unpack("f", struct.pack("f", x))[0]
        value = next(v for v in (float(f"{single(value):.{k}e}") for k in range(9)) if single(v) == single(value))
    mantissa, _, exponent = next(
        text for text in (f"{value:.{k}e}" for k in range(18)) if float(text) == value
    ).partition("e")
    whole, _, digits = mantissa.partition(".")
    digits = "_".join(digits[k : k + 3] for k in range(0, len(digits), 3)) or "0"
    return f"{whole}.{digits}" + (f"e{int(exponent)}" if int(exponent) else "")


def polynomial(name, f, interval, terms, float_type):
    coefficients, error = chebyfit(f, interval, terms, error=True)
    numbers = ", ".join(literal(c, float_type) for c in reversed(coefficients))
    print(f"{float_type} {name}: &'static [Self] = &[{numbers}];  // {nstr(error, 2)}")


def half_pi(bits, parts, float_type):
    """π/2 in parts of a few bits each, and the rest."""
    rest, numbers = pi / 2, []
    for _ in range(parts):
        unit = mpf(2) ** (floor(log(rest, 2)) + 1 - bits)
        numbers.append(floor(rest / unit) * unit)
        rest -= numbers[-1]
    numbers = ", ".join(literal(number, float_type) for number in numbers + [rest])
    print(f"{float_type} HALF_PI: &'static [Self] = &[{numbers}];")


turn, rest = mpf("1.001") * pi / 4, mpf("1.001") * log(2) / 2
for float_type, end, (exp_terms, log_terms, erf_terms, turn_terms, erfc_terms) in [
    ("f32", 11, (6, 5, 6, 3, 11)),
    ("f64", 28, (11, 12, 11, 6, 24)),
]:
    polynomial("EXPM1", EXPM1, [-rest, rest], exp_terms, float_type)
    polynomial("ATANH", ATANH, [0, mpf(1) / 9], log_terms, float_type)
    polynomial("ERF", ERF, [0, mpf("0.5625")], erf_terms, float_type)
    polynomial("ERFCX", erfcx, [-1, mpf(end - 3) / (end + 3)], erfc_terms, float_type)
    polynomial("SIN", SIN, [0, turn**2], turn_terms, float_type)
    polynomial("COS", COS, [0, turn**2], turn_terms, float_type)
half_pi(11, 4, "f32")
half_pi(33, 3, "f64")
