#!/usr/bin/env python3
"""Reference values of the scalar laws of deep linear networks, to 40 digits and more.

    python3 tails.py > tails.csv        (Python 3.11.7, mpmath 1.4.1, gmpy2 2.3.2; about a quarter of an hour)

U = log q + log chi^2_k (k = 0: log q alone), q = prod chi^2_N/N over the hidden layers times exp(N(-alpha, 2 alpha)).
Its moment generating function is

    M(s) = prod_j [Gamma(a_j + s)/Gamma(a_j) (scale_j)^s]^{n_j} exp(alpha s (s - 1)),

and density and tails are inverse Mellin transforms. The method shares nothing with the program's: no bent contour, no saddle of a
truncated sum, no double precision. Where the line through the saddle passes the first pole at a distance of 1/4 and more, or that pole
is of order 30 and more, the integral is the trapezoid rule on this straight line. Elsewhere the line is moved half a unit beyond the
first pole, whose residue is added: an identity, whatever the order of the pole. Steps are halved until 25 digits agree.
For limits the density is compared with the direct average over a log-normal scale.

Columns: name; layers `width*count+...`; alpha; k; u; ln p(u); ln P(U <= u); ln P(U > u).
"""

import sys
from mpmath import mp, mpf, mpc

mp.dps = 40
DIGITS = mpf(10) ** -25


class Law:
    def __init__(self, layers, alpha, k):
        self.layers, self.alpha, self.k = layers, mpf(alpha), k
        terms = {}
        self.linear = -self.alpha
        for width, count in layers:
            a = mpf(width) / 2
            terms[a] = terms.get(a, 0) + count
            self.linear -= count * mp.log(a)
        if k:
            a = mpf(k) / 2
            terms[a] = terms.get(a, 0) + 1
            self.linear += mp.log(2)
        self.terms = sorted(terms.items())
        self.constant = -sum(n * mp.loggamma(a) for a, n in self.terms)
        self.edge = self.terms[0][0]
        self.mean = self.slope(self.edge)
        self.deviation = mp.sqrt(self.curvature(mpf(0)))

    def cumulant(self, s):
        return self.constant + sum(n * mp.loggamma(a + s) for a, n in self.terms) + s * (self.linear + self.alpha * s)

    def slope(self, distance):
        """Of the cumulant function at this distance from the first pole."""
        s = distance - self.edge
        terms = sum(n * mp.digamma((a - self.edge) + distance) for a, n in self.terms)
        return terms + self.linear + 2 * self.alpha * s

    def curvature(self, s):
        return sum(n * mp.polygamma(1, a + s) for a, n in self.terms) + 2 * self.alpha

    def saddle(self, u):
        """Distance of the saddle from the first pole, by bisection of its logarithm."""
        low, high = mpf(10) ** -400, mpf(1)
        while self.slope(high) < u:
            high *= 2
        for _ in range(100):
            middle = mp.sqrt(low * high)
            if self.slope(middle) < u:
                low = middle
            else:
                high = middle
        return mp.sqrt(low * high)

    def line(self, u, c, kernel, beside=mpf(0)):
        """(1/2 pi i) times the integral over the line Re s = c, by the trapezoid rule from the real axis up, to 25 digits of it or of
        what it is added to."""
        if beside and mp.re(self.cumulant(mpc(c))) - c * u < mp.log(DIGITS * abs(beside)) - 50:
            return mpf(0)
        sigma = mp.sqrt(abs(self.curvature(c)))
        near = min([abs(c + a + j) for a, _ in self.terms for j in range(3)] + ([abs(c)] if kernel else []))
        h = min(1 / (2 * sigma), near / 3)

        def half(offset, h):
            total, largest, t = mpf(0), -mp.inf, offset
            while True:
                s = mpc(c, t)
                exponent = self.cumulant(s) - s * u
                size = exponent.real
                term = mp.exp(exponent) * (-1 / s if kernel else 1)
                total += term.real * (1 if t == 0 else 2)
                largest = max(largest, size)
                if size < largest - 75 and t > 0:
                    return total
                t += h
        total = half(mpf(0), h)
        before = total * h
        for _ in range(12):
            total += half(h / 2, h)
            h /= 2
            now = total * h
            if abs(now - before) < DIGITS * max(abs(now), abs(beside)):
                return now / (2 * mp.pi)
            before = now
        raise RuntimeError(f"{self.layers} {self.alpha} {self.k} u = {u}: no convergence")

    def residue(self, u, kernel):
        """Of M(s) e^{-su} times 1 or -1/s at the first pole s = -edge."""
        order = self.terms[0][1]
        with mp.workdps(mp.dps + 3 * order + 20):
            s0 = -self.edge
            size = order  # coefficients of e^0 ... e^{order - 1}
            log = [mpf(0)] * size
            log[0] = self.constant + s0 * (self.linear + self.alpha * s0) - s0 * u
            if size > 1:
                log[1] += self.linear + 2 * self.alpha * s0 - u
            if size > 2:
                log[2] += self.alpha
            for a, n in self.terms:
                # Gamma(e)^n = e^{-n} Gamma(1 + e)^n at the first pole itself.
                at = a + s0 if a != self.edge else mpf(1)
                assert at > 0
                log[0] += n * mp.loggamma(at)
                for j in range(1, size):
                    log[j] += n * mp.polygamma(j - 1, at) / mp.factorial(j)
            series = [mpf(0)] * size
            series[0] = mpf(1)
            for j in range(1, size):
                series[j] = sum(i * log[i] * series[j - i] for i in range(1, j + 1)) / j
            if kernel:
                # -1/(s0 + e) = (1/edge) sum (e/edge)^j
                total = sum(series[j] * self.edge ** -(size - j) for j in range(size))
            else:
                total = series[size - 1]
            return total * mp.exp(log[0])

    def integral(self, u, c, kernel):
        (edge, order), *others = self.terms
        if c + edge >= mpf(1) / 4 or order >= 30:
            return self.line(u, c, kernel)
        # Half way to the second pole: of another term, or of the same one.
        gap = min([mpf(1)] + [a - edge for a, _ in others])
        residue = self.residue(u, kernel)
        return residue + self.line(u, -edge - gap / 2, kernel, residue)

    def values(self, u):
        c = self.saddle(u) - self.edge
        density = self.integral(u, c, False)
        clearance = min(1 / (2 * self.deviation), self.edge / 2)
        if u < self.mean:
            lower = self.integral(u, min(c, -clearance), True)
            upper = None
        else:
            upper = -self.line(u, max(c, clearance), True)
            lower = None
        tail = upper if lower is None else lower
        assert density > 0 and 0 < tail < 1, (self.layers, self.alpha, self.k, u)
        tails = [mp.log(tail), mp.log1p(-tail)]
        logs = [mp.log(density)] + (tails if upper is None else tails[::-1])
        return logs


def average(alpha, u):
    """ln density of log f^2 at u in the limit: the direct average over the normal scale, by the trapezoid rule."""
    x2, deviation = mp.exp(u), mp.sqrt(2 * alpha)
    h = 1 / (24 * max(1, deviation))
    total = mpf(0)
    for i in range(int(-20 / h), int(20 / h)):
        z = i * h
        q = mp.exp(-alpha + deviation * z)
        # log f^2 has the density sqrt(x^2/(2 pi q)) e^{-x^2/2q}.
        total += mp.exp(-z * z / 2) * mp.sqrt(x2 / (2 * mp.pi * q)) * mp.exp(-x2 / (2 * q))
    return mp.log(total * h / mp.sqrt(2 * mp.pi))


# Distances to the first pole that scan the change of contour, between 0.2 and 0.05, and what lies on either side of it.
DISTANCES = ["0.3", "0.15", "0.12", "0.11", "0.1", "0.08", "0.04", "1e-3", "1e-8"]
SQUARE_ROOTS = ["1e-300", "1e-20", "2e-5", "0.01", "1", "5", "1e3"]


def points(law):
    us = [2 * mp.log(mpf(x)) for x in SQUARE_ROOTS] if law.k else []
    us += [law.slope(mpf(b)) for b in DISTANCES]
    us += [law.mean + z * law.deviation for z in (-3, -mpf(3) / 10, mpf(1) / 10, 2)]
    # A double with few digits.
    return sorted({float(mp.nstr(u, 9)) for u in us})


def main():
    cases = []
    depths = {1: (1, 3, 10), 2: (1, 2, 4, 20), 8: (1, 3, 8, 16, 80), 24: (1, 24, 48, 240), 64: (64, 640), 256: (256, 2560), 1000: (1000, 10000)}
    for width, counts in depths.items():
        cases += [([(width, count)], "0") for count in counts]
    cases += [([], alpha) for alpha in ("0.25", "1", "2.5", "3", "4", "40")]
    cases += [([(2, 1), (3, 1)], "0"), ([(2, 1), (3, 1)], "1.5"), ([(4, 2)], "3"), ([(1, 1)], "0.25"), ([(12, 5), (13, 4), (64, 30)], "0")]
    cases += [([(2, 1), (50, 1), (3000, 1)], "0"), ([(24, 40), (25, 3), (1000, 100)], "0.5"), ([(5, 1)], "20")]
    for layers, alpha in cases[int(sys.argv[1]):] if len(sys.argv) > 1 else cases:
        for k in (0, 1):
            if not layers and k == 0:
                continue
            law = Law(layers, alpha, k)
            for u in points(law):
                exact = mpf(u)
                logs = law.values(exact)
                if not layers and k == 1 and abs(u) < 60:
                    assert abs(average(law.alpha, exact) - logs[0]) < mpf(10) ** -18, (alpha, u)
                said = "+".join(f"{width}*{count}" for width, count in layers) or "-"
                print(";".join([said, alpha, str(k), repr(u)] + [mp.nstr(x, 17) for x in logs]), flush=True)
        print(layers, alpha, file=sys.stderr, flush=True)


main()
