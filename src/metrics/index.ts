// Scores of segmentations, reconstructions and predicted sets, on host arrays.

export { MetricError } from "./errors.ts";
export { type ErrorDetails, TrilevelError } from "../errors/index.ts";
export { argmaxMasks, contingency, withoutTrueLabels } from "./labels.ts";
export type { Contingency, Labels } from "./labels.ts";
export { ari, foregroundAri } from "./ari.ts";
export { ami, foregroundAmi } from "./ami.ts";
export type { AmiNormalisation } from "./ami.ts";
export { hungarian } from "./hungarian.ts";
export type { Assignment } from "./hungarian.ts";
export { iouMatrix, meanBestOverlap, meanIou } from "./overlap.ts";
export type { IouMatrix, OverlapOptions } from "./overlap.ts";
export { imageErrors } from "./imageErrors.ts";
export type { ImageErrors } from "./imageErrors.ts";
export { covarianceRoot, frechetDistance, frechetReport } from "./frechet.ts";
export type { FrechetReport } from "./frechet.ts";
export { averagePrecision, averagePrecisions, clevrLayout } from "./averagePrecision.ts";
export type { ObjectLayout } from "./averagePrecision.ts";
export { slotUsage } from "./slotUsage.ts";
export type { SlotUsage } from "./slotUsage.ts";
