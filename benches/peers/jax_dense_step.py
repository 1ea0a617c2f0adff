"""One full-batch gradient descent step of a deep linear network in JAX (jit, CPU): milliseconds per step.

The same network as crates/model/benches/dense_step.rs in mean-field scaling and normalised coordinates:
f = W_L ... W_0 x with entries N(0, 1/m), f32, 8 samples in R^d, k = 1, plain gradient descent, weights updated in
place (donated).

    python3 jax_dense_step.py M L D STEPS
"""

import sys
import time

import jax
import jax.numpy as jnp


def main(m: int, hidden_layers: int, d: int, steps: int) -> None:
    shapes = [(m, d)] + [(m, m)] * (hidden_layers - 1) + [(1, m)]
    keys = jax.random.split(jax.random.key(0), len(shapes))
    weights = [jax.random.normal(key, shape, jnp.float32) / m**0.5 for key, shape in zip(keys, shapes)]
    inputs = jnp.sin(1.7 * jnp.arange(8 * d, dtype=jnp.float32)).reshape(d, 8)
    targets = jnp.sin(0.9 * jnp.arange(8, dtype=jnp.float32)).reshape(1, 8)

    def risk(weights):
        h = inputs
        for w in weights:
            h = w @ h
        return jnp.sum((h - targets) ** 2) / 16

    def descend(weights):
        return [w - 0.05 * g for w, g in zip(weights, jax.grad(risk)(weights))]

    step = jax.jit(descend, donate_argnums=0)
    weights = jax.block_until_ready(step(weights))
    best = float("inf")
    for _ in range(steps):
        start = time.perf_counter()
        weights = jax.block_until_ready(step(weights))
        best = min(best, time.perf_counter() - start)
    print(f"{1e3 * best:.3f}")


main(*map(int, sys.argv[1:5]))
