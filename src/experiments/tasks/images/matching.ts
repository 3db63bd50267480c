/** Names for predicted segments: those of the true objects that they match. */
import { hungarian, iouMatrix, type Labels } from "../../../metrics/index.ts";

/**
 * The predicted segments under the labels of the true objects. Objects come first, in the one-to-one matching of the
 * greatest total intersection over union, which is that of mIoU. Of the segments that are left, the one that overlaps the
 * background most gets its label, 0; the others get labels that no true object has.
 */
export function matchedLabels(truth: Labels, predicted: Labels): number[] {
  const { objects, segments, iou } = iouMatrix(truth, predicted, { ignore: [] });
  const names = new Map<number, number>();
  const overlap = (object: number, segment: number) =>
    iou[objects.indexOf(object) * segments.length + segments.indexOf(segment)]!;
  if (iou.every(Number.isFinite)) {
    const foreground = objects.filter((object) => object !== 0);
    const costs = foreground.flatMap((object) =>
      segments.map((segment) => -overlap(object, segment))
    );
    const { columnOfRow } = hungarian(costs, foreground.length, segments.length);
    foreground.forEach((object, row) => {
      const segment = segments[columnOfRow[row]!];
      // A pair that shares no pixel was only matched so that every row has a column.
      if (segment !== undefined && overlap(object, segment) > 0) names.set(segment, object);
    });
    const left = segments.filter((segment) => !names.has(segment));
    if (objects.includes(0) && left.length > 0) {
      names.set(left.reduce((a, b) => overlap(0, b) > overlap(0, a) ? b : a), 0);
    }
  }
  let next = Math.max(0, ...objects.filter(Number.isFinite)) + 1;
  for (const segment of segments) if (!names.has(segment)) names.set(segment, next++);
  return Array.from(predicted, (segment) => names.get(segment)!);
}
