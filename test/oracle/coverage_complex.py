"""Calls whose arguments or results are complex: python test/oracle/coverage_complex.py > test/fixtures/coverage-complex.json

As coverage_arrays.py; complex numbers are pairs of reals on our side.
"""

import jax.numpy as jnp

from coverage_gradients import *

np_, fft = "jax.numpy", "jax.numpy.fft"

wave = jnp.array([0.5, -1.5, 2.0, 0.25, 3.0, -0.75, 1.0], jnp.float32)
z = wave + 1j * wave[::-1] ** 2
rows = jnp.sin(jnp.arange(24, dtype=jnp.float32) ** 1.5).reshape(2, 3, 4)
cube = rows + 1j * jnp.cos(rows * 7)
whole = jnp.array([[1, 2, 3, 4], [0, -1, 5, 2]], jnp.int32)
bits = jnp.array([[True, False, True]])

# Parts of complex numbers
same(np_, "np.", "real imag conj conjugate angle isreal iscomplex", [z], [rows], [whole])
same(np_, "np.", "isrealobj iscomplexobj", [z], [rows])
same(np_, "np.", "angle", keywords(z, deg=True))

# Along one axis: also primes, and lengths that cut or fill
line = jnp.sin(jnp.arange(137, dtype=jnp.float32))  # a prime that is a convolution
same(fft, "np.fft.", "fft ifft", [z], [rows], [whole], [bits], [line], keywords(cube, axis=1),
     keywords(cube, n=3, axis=0, norm="ortho"), keywords(z, n=9, norm="forward"), keywords(z, n=1))
same(fft, "np.fft.", "rfft ihfft", [wave], [rows], [whole], [line], keywords(rows, axis=1), keywords(rows, n=3, axis=0, norm="ortho"),
     keywords(wave, n=12, norm="forward"), keywords(wave, n=1))
same(fft, "np.fft.", "irfft hfft", [z], [rows], [line[:69]], keywords(cube, axis=1), keywords(cube, n=3, axis=0, norm="ortho"),
     keywords(z, n=9, norm="forward"), keywords(z, n=15), keywords(z, n=1))

# Along several
same(fft, "np.fft.", "fftn ifftn", [cube], [rows], keywords(cube, s=[2, 5]), keywords(cube, axes=[0, 2], norm="ortho"),
     keywords(cube, s=[4, 2], axes=[2, 0], norm="forward"))
same(fft, "np.fft.", "rfftn", [rows], keywords(rows, s=[2, 5]), keywords(rows, axes=[0, 2], norm="ortho"), keywords(rows, s=[4, 2], axes=[2, 0], norm="forward"))
same(fft, "np.fft.", "irfftn", [cube], keywords(cube, s=[2, 5]), keywords(cube, axes=[0, 2], norm="ortho"), keywords(cube, s=[4, 3], axes=[2, 0], norm="forward"))
same(fft, "np.fft.", "fft2 ifft2", [cube], [rows], keywords(cube, s=[2, 5]), keywords(cube, axes=[0, 1], norm="ortho"))
same(fft, "np.fft.", "rfft2", [rows], keywords(rows, s=[2, 5]), keywords(rows, axes=[0, 1], norm="ortho"))
same(fft, "np.fft.", "irfft2", [cube], keywords(cube, s=[2, 5]), keywords(cube, axes=[0, 1], norm="ortho"))

# Frequencies
same(fft, "np.fft.", "fftfreq rfftfreq", [6], [7], keywords(5, d=0.1), [1])
same(fft, "np.fft.", "fftshift ifftshift", [wave], [z], [rows], keywords(cube, axes=[0, 2]), keywords(rows, axes=1))

# Eigenvalues and zeros, which come in no particular order
la = "jax.numpy.linalg"
general = jnp.array([[0.0, 1.0, 2.0], [-1.0, 3.0, 0.5], [2.0, -4.0, 1.0]], jnp.float32)
parts = lambda w: [jnp.sort(w.real), jnp.sort(w.imag)]
w, vectors = jnp.linalg.eig(general)
program(f"{la}.eigvals", "np.linalg.eigvals", [parts(jnp.linalg.eigvals(m)) for m in [general, square]])
program(f"{la}.eig", "np.linalg.eig", [*parts(w), ((vectors * w) @ vectors.conj().T).real])
program(f"{np_}.roots", "np.roots", [parts(jnp.roots(jnp.array(p, jnp.float32), strip_zeros=False)) for p in [
    [2, -3, 4, 1], [0, 0, 1, -3, 2], [1, -3, 2, 0, 0], [1, 0, 0, -1]]])

report()
