"""One full-batch gradient descent step of a tanh perceptron in JAX (jit, CPU): milliseconds per step, best of several.

The same network as crates/model/benches/conditioned_step.rs, mean-field scaling with richness 1, f32:

    h_1 = W_0 x,  h_{l+1} = W_l tanh(h_l),  f = W_L tanh(h_L) / m,      risk = sum (f - y)^2 / (2 P)

with entries N(0, 1) of W_0 (m x D) and W_L (1 x m), N(0, 1/m) between, and learning rates m eta, eta, ..., eta, m eta. P samples
in R^D; the step is one compiled function and updates the weights in place (donated).

    python3 jax_mlp_step.py M HIDDEN_LAYERS D P STEPS
"""

import sys
import time

import jax
import jax.numpy as jnp

ETA = 0.2


def main(m: int, hidden_layers: int, d: int, samples: int, steps: int) -> None:
    shapes = [(m, d)] + [(m, m)] * (hidden_layers - 1) + [(1, m)]
    stds = [1.0] + [m**-0.5] * (hidden_layers - 1) + [1.0]
    rates = [ETA * m] + [ETA] * (hidden_layers - 1) + [ETA * m]
    keys = jax.random.split(jax.random.key(0), len(shapes))
    weights = [std * jax.random.normal(key, shape, jnp.float32) for key, shape, std in zip(keys, shapes, stds)]
    inputs = jnp.sin(1.7 * jnp.arange(samples * d, dtype=jnp.float32)).reshape(samples, d).T
    targets = jnp.sin(0.9 * jnp.arange(samples, dtype=jnp.float32)).reshape(1, samples)

    def risk(weights):
        h = weights[0] @ inputs
        for w in weights[1:]:
            h = w @ jnp.tanh(h)
        return jnp.sum((h / m - targets) ** 2) / (2 * samples)

    def descend(weights):
        return [w - rate * g for w, rate, g in zip(weights, rates, jax.grad(risk)(weights))]

    step = jax.jit(descend, donate_argnums=0)
    weights = jax.block_until_ready(step(weights))
    best = float("inf")
    for _ in range(steps):
        start = time.perf_counter()
        weights = jax.block_until_ready(step(weights))
        best = min(best, time.perf_counter() - start)
    print(f"{1e3 * best:.3f}")


main(*map(int, sys.argv[1:6]))
