"""JAX's side: every workload as a JAX user writes it. (A file called jax.py would hide JAX itself.)"""

import jax
import jax.numpy as jnp
from jax import lax

from common import discovery_params, grid, noise, serve, slot_params
from loops import loop


def layer_norm(p, x, eps=1e-3):
    centered = x - x.mean(-1, keepdims=True)
    variance = jnp.square(centered).mean(-1, keepdims=True)
    return centered * lax.rsqrt(variance + eps) * p["weight"] + p["bias"]


def gru(p, x, h):
    i = jnp.split(x @ p["wih"].T + p["bih"], 3, -1)
    s = jnp.split(h @ p["whh"].T + p["bhh"], 3, -1)
    r, z = jax.nn.sigmoid(i[0] + s[0]), jax.nn.sigmoid(i[1] + s[1])
    n = jnp.tanh(i[2] + r * s[2])
    return n + z * (h - n)


def slot_attention(p, inputs, iterations, adjoint):
    x = layer_norm(p["norm_inputs"], inputs)
    k, v = x @ p["key"].T, x @ p["value"].T

    def step(p, slots, k, v):
        q = layer_norm(p["norm_slots"], slots) @ p["query"].T / jnp.sqrt(slots.shape[-1])
        a = jax.nn.softmax(jnp.einsum("bnd,bsd->bns", k, q), -1) + 1e-8
        updates = jnp.einsum("bns,bnd->bsd", a / a.sum(1, keepdims=True), v)
        slots = gru(p, updates, slots)
        hidden = jax.nn.relu(layer_norm(p["norm_mlp"], slots) @ p["w1"].T + p["b1"])
        return slots + hidden @ p["w2"].T + p["b2"]

    slots = jnp.broadcast_to(p["start"], (inputs.shape[0], *p["start"].shape))
    if adjoint == "unrolled":
        for _ in range(iterations):
            slots = step(p, slots, k, v)
        return slots
    for _ in range(iterations):
        slots = step(p, slots, k, v)
    return step(p, lax.stop_gradient(slots), k, v)


def adam(params, grads, state, rate=1e-3):
    count, mu, nu = state
    count = count + 1
    mu = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, mu, grads)
    nu = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, nu, grads)
    scale = lambda m, v: (m / (1 - 0.9**count)) / (jnp.sqrt(v / (1 - 0.999**count)) + 1e-8)
    params = jax.tree.map(lambda p, m, v: p - rate * scale(m, v), params, mu, nu)
    return params, (count, mu, nu)


def training(loss, params):
    """Steps of Adam that donate parameters and state."""
    params = jax.tree.map(jnp.asarray, params)
    zeros = lambda: jax.tree.map(jnp.zeros_like, params)
    state = (jnp.float32(0), zeros(), zeros())

    def step(params, state):
        value, grads = jax.value_and_grad(loss)(params)
        return value, *adam(params, grads, state)

    compiled = jax.jit(step, donate_argnums=(0, 1))

    def call():
        nonlocal params, state
        value, params, state = compiled(params, state)
        jax.block_until_ready(params)
        return float(value)

    return call


def discovery_loss(p, image):
    x = image
    for conv, stride in zip(p["convs"], (2, 2, 1)):
        x = lax.conv_general_dilated(
            x, conv["weight"], (stride, stride), "SAME", dimension_numbers=("NHWC", "OIHW", "NHWC")
        )
        x = jax.nn.relu(x + conv["bias"])
    dense = lambda p, x: x @ p["weight"].T + p["bias"]
    x = x + dense(p["position"], grid(*x.shape[1:3]))
    x = layer_norm(p["norm"], x.reshape(x.shape[0], -1, x.shape[-1]))
    x = dense(p["mlp"][1], jax.nn.relu(dense(p["mlp"][0], x)))
    slots = slot_attention(p["slots"], x, 3, "oneStep")
    hidden = dense(p["slot"], slots)[:, :, None, None] + grid(32, 32) @ p["grid"].T
    hidden = jax.nn.relu(hidden)
    for layer in p["layers"][:-1]:
        hidden = jax.nn.relu(dense(layer, hidden))
    drawn = dense(p["layers"][-1], hidden)
    masks = jax.nn.softmax(drawn[..., 3], 1)
    return jnp.mean(jnp.square((drawn[..., :3] * masks[..., None]).sum(1) - image))


def on_arrays(f, *args):
    """A large result, of which one element is read."""
    def both(*args):
        y = f(*args)
        return y, y.ravel()[0]

    compiled = jax.jit(both)
    args = [jnp.asarray(a) for a in args]

    def call():
        y, first = compiled(*args)
        y.block_until_ready()
        return float(first)

    return call


def make(case):
    match case["workload"]:
        case "slotAttention":
            params = jax.tree.map(jnp.asarray, slot_params())
            x = jnp.asarray(noise(0, (8, 256, 64)))
            loss = lambda p, x: jnp.mean(
                jnp.square(slot_attention(p, x, case["iterations"], case["adjoint"]))
            )
            f = jax.jit(jax.value_and_grad(loss))

            def call():
                value, gradient = f(params, x)
                jax.block_until_ready(gradient)
                return float(value)

            return call
        case "mlp":
            x, labels = jnp.asarray(noise(0, (64, 784))), jnp.arange(64) % 10
            params = [
                {"w": noise(1, (256, 784), 1 / 28), "b": jnp.zeros(256)},
                {"w": noise(2, (10, 256), 1 / 16), "b": jnp.zeros(10)},
            ]

            def loss(p):
                hidden = jax.nn.relu(x @ p[0]["w"].T + p[0]["b"])
                logits = jax.nn.log_softmax(hidden @ p[1]["w"].T + p[1]["b"])
                return -jnp.mean(jnp.take_along_axis(logits, labels[:, None], 1))

            return training(loss, params)
        case "conv":
            x, w = noise(0, (4, 64, 64, 64)), noise(1, (64, 64, 5, 5), 1 / 40)
            forward = lambda x, w: lax.conv(x, w, (1, 1), "SAME")
            part = case["part"]

            def f(x, w, y):
                if part == "forward":
                    return forward(x, w)
                _, pull = jax.vjp(forward, x, w)
                return pull(y)[0 if part == "input" else 1]

            return on_arrays(f, x, w, noise(2, (4, 64, 64, 64)))
        case "discovery":
            image = jnp.asarray(noise(0, (16, 32, 32, 3)))
            return training(lambda p: discovery_loss(p, image), discovery_params())
        case "elementwise":
            x, y = (jnp.asarray(noise(s, (16, 7, 64))) for s in (0, 1))

            def chain(x, y):
                for _ in range(100):
                    x = x * 0.999 + y
                return x

            f = jax.jit(chain) if case["compiled"] else chain
            return lambda: float(f(x, y).block_until_ready().ravel().__array__()[0])
        case "loop":
            return loop(case["loop"])
        case "matmul":
            n = case["size"]
            return on_arrays(jnp.matmul, noise(0, (n, n)), noise(1, (n, n)))


serve(make, {"jax": jax.__version__})
