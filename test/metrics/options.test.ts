/** What metrics say to options that are none. */
import { metrics } from "trilevel";
import { type Calls, lookAtOptions } from "../support/options.ts";

const labels = [0, 1, 1, 2];
const objects = Array<number>(19).fill(1);

const functions: Calls<typeof metrics> = {
  ami: [labels, labels],
  averagePrecision: { operands: [objects, objects], options: { slots: 1, threshold: 1 } },
  averagePrecisions: { operands: [objects, objects], options: { slots: 1 } },
  foregroundAmi: [labels, labels],
  foregroundAri: [labels, labels],
  imageErrors: [labels, labels],
  iouMatrix: [labels, labels],
  meanBestOverlap: [labels, labels],
  meanIou: [labels, labels],
  slotUsage: [[1, 0, 0, 1], 2],
};
lookAtOptions("metrics", metrics, functions, { errors: ["MetricError"] });
