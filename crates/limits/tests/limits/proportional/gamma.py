#!/usr/bin/env python3
"""Reference values lnGamma(b + w) - lnGamma(b) - w ln b on either side of the switches of gamma.rs.

    python3 gamma.py > gamma.csv        (Python 3.11.7, mpmath 1.4.1, 50 digits)

Columns: b; Re w; Im w; real part; imaginary part up to multiples of 2 pi.
"""

from mpmath import cos, loggamma, log, mp, mpc, mpf, nstr, pi, sin

mp.dps = 50

for b in ("0.0078125", "0.5", "3", "15.875", "16.125", "40", "1000", "1048576"):
    b = mpf(b)
    shifted = max(b, 16)
    # Where |z| = 0.05, |w| = 0.1 b, |z|^2 = 1/2, |w| = b/4, each from below and from above, and far from all.
    sizes = [f * s for f in (mpf("0.97"), mpf("1.03")) for s in (shifted / 20, b / 10, shifted * mpf("0.7071"), b / 4)]
    sizes += [b / 10**6, b * mpf("0.9"), 3 * b, 10 * shifted]
    for size in sizes:
        for degrees in (0, 60, 90, 112):
            # Doubles, so that the program sees the same point; in the left half plane only as far as the poles.
            w = size * mpc(cos(pi * degrees / 180), sin(pi * degrees / 180))
            w = mpc(mpf(float(w.real)), mpf(float(w.imag)))
            value = loggamma(b + w) - loggamma(b) - w * log(b)
            print(";".join(repr(float(x)) for x in (b, w.real, w.imag)) + ";" + nstr(value.real, 20) + ";" + nstr(value.imag, 20))
