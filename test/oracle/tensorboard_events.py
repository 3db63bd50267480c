"""What TensorBoard's own reader finds in an event file of the runner.

    python test/oracle/tensorboard_events.py < events.b64 > test/fixtures/tensorboard-events.json

The input is a base64 text of an event file, as test/experiments/events.test.ts makes it; the output has it again, with what
TensorBoard's EventAccumulator reads from it.
"""
import base64, json, os, sys, tempfile
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
import tensorboard

text = sys.stdin.read().strip()
with tempfile.TemporaryDirectory() as folder:
    name = "events.out.tfevents.1700000000.trilevel"
    with open(os.path.join(folder, name), "wb") as file:
        file.write(base64.b64decode(text))
    reader = EventAccumulator(folder, size_guidance={"scalars": 0, "images": 0})
    reader.Reload()
    tags = reader.Tags()
    result = {
        "tensorboard": tensorboard.__version__,
        "file": text,
        "scalars": {
            tag: [[e.step, e.wall_time, repr(e.value)] for e in reader.Scalars(tag)]
            for tag in sorted(tags["scalars"])
        },
        "images": {
            tag: [
                [e.step, e.width, e.height, base64.b64encode(e.encoded_image_string).decode()]
                for e in reader.Images(tag)
            ]
            for tag in sorted(tags["images"])
        },
    }
json.dump(result, sys.stdout, indent=1)
