"""NNGP and tangent kernel of a ReLU network by neural-tangents (jit, CPU, float64): seconds, best of several.

The same kernels as crates/limits/benches/kernel.rs: NTK parameterisation, sigma_w^2 = 2, sigma_b^2 = 0.01.
Versions that work together: jax 0.4.30, jaxlib 0.4.30, neural-tangents 0.6.5, numpy < 2, scipy < 1.13.

    python3 neural_tangents_kernel.py N D HIDDEN_LAYERS REPEATS
"""

import sys
import time

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp
from neural_tangents import stax


def main(n: int, d: int, hidden_layers: int, repeats: int) -> None:
    inputs = jax.random.normal(jax.random.PRNGKey(0), (n, d), dtype=jnp.float64)
    dense = lambda: stax.Dense(1, W_std=2**0.5, b_std=0.1)
    layers = [layer for _ in range(hidden_layers) for layer in (dense(), stax.Relu())]
    kernel = jax.jit(stax.serial(*layers, dense())[2], static_argnames="get")
    best = float("inf")
    for _ in range(repeats + 1):
        start = time.perf_counter()
        jax.block_until_ready(kernel(inputs, None, get=("nngp", "ntk")))
        best = min(best, time.perf_counter() - start)
    print(f"{best:.3f}")


main(*map(int, sys.argv[1:5]))
