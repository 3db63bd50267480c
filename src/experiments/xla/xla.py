"""Runs a step that is StableHLO text, over and over, on all devices that JAX has. It knows no model.

The step takes a state and a batch, and gives the next state, which stays on the devices, and measurements. It is driven by
frames on stdin and answers with frames on stdout: uint32 and uint64, little-endian, the sizes of a JSON header and of the
bytes that follow it. Arrays are their elements in row-major order, one after the other.

    compile  text of a module; inputs and outputs, of which the first ones are the state  → its cost
    load     the state                                                                    → ok
    step     a batch                                                                      (no answer)
    measure                                                → measurements of the steps since the last time
    fetch                                                                                 → the state

An answer with "error" is the last one.
"""

import dataclasses
import hashlib
import json
import os
import re
import signal
import struct
import sys
import traceback

frames = os.fdopen(os.dup(1), "wb")
os.dup2(2, 1)  # what others print is no frame


def send(header, arrays=()):
    text = json.dumps(header).encode()
    frames.write(struct.pack("<IQ", len(text), sum(x.nbytes for x in arrays)) + text)
    for x in arrays:
        frames.write(x.tobytes())
    frames.flush()


def receive():
    sizes = sys.stdin.buffer.read(12)
    if len(sizes) < 12:
        return None, b""  # the runner has ended
    header, body = struct.unpack("<IQ", sizes)
    return json.loads(sys.stdin.buffer.read(header)), sys.stdin.buffer.read(body)


class Machine:
    """The devices, and the state on them."""

    def __init__(self):
        self.state, self.measurements = [], []

    def compile(self, header, text):
        """Reads a module as the export of a function with the same types, which `jit` calls and partitions."""
        inputs, outputs, count = header["inputs"], header["outputs"], header["state"]
        self.mesh = jax.sharding.Mesh(np.array(jax.devices()[:header["devices"]]), ("devices",))
        shapes = [jax.ShapeDtypeStruct(x["shape"], x["dtype"]) for x in inputs]
        likeness = lambda *_: [jnp.zeros(x["shape"], x["dtype"]) for x in outputs]
        exported = dataclasses.replace(
            jax.export.export(jax.jit(likeness, keep_unused=True))(*shapes),
            mlir_module_serialized=mlir.serialize_portable_artifact(
                text.decode(), stablehlo.get_current_version(), True),
        )
        self.inputs, self.count = inputs, count
        self.shardings = [self.sharding(x["shard"]) for x in inputs]
        whole = [self.sharding(None)] * (len(outputs) - count)
        self.program = jax.jit(
            exported.call,
            in_shardings=self.shardings,
            out_shardings=self.shardings[:count] + whole,
            donate_argnums=range(count),
            keep_unused=True,
        ).lower(*shapes).compile()
        memory = self.program.memory_analysis()
        sizes = {} if memory is None else {
            name: getattr(memory, f"{name}_size_in_bytes") for name in ("argument", "output", "alias", "temp")}
        exchange = r"\b(all-reduce|all-gather|reduce-scatter|all-to-all|collective-permute)(-start)?\("
        lines = [line.strip() for line in self.program.as_text().splitlines() if re.search(exchange, line)]
        send({"memory": sizes, "exchanges": lines})

    def sharding(self, axis):
        """Split along an axis, or whole on each device."""
        spec = () if axis is None else (None,) * axis + ("devices",)
        return jax.sharding.NamedSharding(self.mesh, jax.sharding.PartitionSpec(*spec))

    def place(self, first, last, data):
        """Inputs first to last on the devices; a process places what is on its own."""
        placed, at = [], 0
        for x, sharding in zip(self.inputs[first:last], self.shardings[first:last], strict=True):
            size = int(np.prod(x["shape"], dtype=np.int64))
            array = np.frombuffer(data, x["dtype"], size, at).reshape(x["shape"])
            at += array.nbytes
            placed.append(jax.make_array_from_callback(array.shape, sharding, lambda part, of=array: of[part]))
        return placed

    def load(self, _, data):
        if jax.process_count() > 1:
            digest = np.frombuffer(hashlib.sha256(data).digest(), np.uint8)
            multihost_utils.assert_equal(digest, "the processes go on from different states")
        self.state = self.place(0, self.count, data)
        send({})

    def step(self, _, data):
        results = self.program(*self.state, *self.place(self.count, None, data))
        self.state = results[:self.count]
        self.measurements += results[self.count:]

    def measure(self, *_):
        taken, self.measurements = self.measurements, []
        send({}, [self.whole(x) for x in taken])

    def fetch(self, *_):
        send({}, [self.whole(x) for x in self.state])

    def whole(self, x):
        """An array on the host, also one of which parts are on other hosts."""
        if x.is_fully_addressable:
            return np.asarray(x)
        if x.is_fully_replicated:
            return np.asarray(x.addressable_data(0))
        return multihost_utils.process_allgather(x, tiled=True)


def serve():
    options = json.loads(sys.argv[1])
    jax.config.update("jax_enable_x64", True)  # arrays are of the types that they are declared to be
    jax.config.update("jax_cpu_enable_async_dispatch", False)  # steps that overlap on a CPU wait for each other for ever
    if options.get("coordinator") == "auto":
        jax.distributed.initialize()
    elif options.get("coordinator"):
        jax.distributed.initialize(options["coordinator"], options["processes"], options["process"])
    for interruption in (signal.SIGINT, signal.SIGTERM):
        signal.signal(interruption, signal.SIG_IGN)  # the runner ends, and this with it
    send({
        "jax": jax.__version__,
        "platform": jax.default_backend(),
        "kind": jax.devices()[0].device_kind,
        "devices": jax.device_count(),
        "process": jax.process_index(),
        "pid": os.getpid(),
    })
    machine = Machine()
    while True:
        header, data = receive()
        if header is None:
            return
        getattr(machine, header["do"])(header, data)


try:
    import jax
    import jax.export
    import jax.numpy as jnp
    import numpy as np
    from jax.experimental import multihost_utils
    from jax.extend import mlir
    from jaxlib.mlir.dialects import stablehlo
except ImportError as error:
    version = getattr(sys.modules.get("jax"), "__version__", None)
    send({"jax": version, "missing": str(error), "python": sys.executable})
    sys.exit(1)

try:
    serve()
except BrokenPipeError:
    pass
except Exception as error:
    traceback.print_exc()
    send({"error": f"{type(error).__name__}: {error}"[:4000]})
    sys.exit(1)
