/**
 * Data on the host: readers of the real formats, splits, streams, transforms, the conversion cache.
 *
 * Every reader is `open…(path, options)` and resolves to a {@linkcode Dataset}: a size, a schema and
 * samples by index. `split` and its like make views, `batches` streams them for training, `cached` keeps
 * a converted copy. What is wrong with a file is one {@linkcode DataError} with its path and offset.
 */

export * from "./augment.ts";
export {
  cached,
  cachedSamples,
  type CacheOptions,
  describeSchema,
  type SampleStream,
} from "./cache.ts";
export * from "./datasets/clevr.ts";
export * from "./datasets/coco.ts";
export { decodeImage, type DecodeOptions, type Image } from "./codec.ts";
export {
  type Dataset,
  type Field,
  type FieldSpec,
  fromArrays,
  type Json,
  makeDataset,
  map,
  type Sample,
  type Schema,
  schemaOf,
  select,
  shuffle,
  type Source,
} from "./dataset.ts";
export {
  type Decoder,
  type ExpectedSize,
  type ImageOptions,
  openDecoder,
  readImage,
  type ReadOptions,
} from "./decoder.ts";
export * from "./datasets/dsprites.ts";
export {
  ClosedError,
  CorruptError,
  DataError,
  type DataErrorDetails,
  IndexError,
  LimitError,
  MissingFileError,
  OptionError,
  SampleShapeError,
  TruncatedError,
  UnsupportedError,
  WorkerError,
  WrongKindError,
} from "./errors.ts";
export { type ErrorDetails, TrilevelError } from "../errors/index.ts";
export { openFile, type RandomAccessFile } from "./files.ts";
export * from "./datasets/folder.ts";
export * from "./generate/index.ts";
export type { Box } from "./options.ts";
export {
  centerSquare,
  clevrBox,
  clevrCrop,
  crop,
  flipHorizontal,
  flipVertical,
  type Prepare,
  preparedShape,
  prepareGeometry,
  prepareImage,
  resize,
  type ResizeOptions,
  toFloat,
  withChannels,
} from "./image.ts";
export { type CifarSample, openCifar } from "./datasets/cifar.ts";
export { type IdxSample, openIdx } from "./datasets/idx.ts";
export { defaultLimits, type Limits } from "./limits.ts";
export * from "./masks.ts";
export { type MnistOptions, type MnistSample, openMnist } from "./datasets/mnist.ts";
export * from "./datasets/multiObject.ts";
export type {
  ClevrWithMasksSample,
  MultiDspritesSample,
  ObjectsRoomSample,
  TetrominoesSample,
} from "./datasets/multiObjectKinds.ts";
export {
  type DType,
  dtypeOf,
  isNdArray,
  type NdArray,
  ndarray,
  stack,
  type TypedArray,
} from "./ndarray.ts";
export * from "./datasets/nem.ts";
export {
  flowColors,
  segmentBoxes,
  segmentCenters,
  type SegmentOptions,
  type Segments,
} from "./segments.ts";
export { permutation, type Random, seeded } from "./seeded.ts";
export * from "./datasets/shapes3d.ts";
export * from "./datasets/shapestacks.ts";
export { type Split, split, type SplitOptions } from "./split.ts";
export { fileStamp } from "./stamp.ts";
export {
  type Batch,
  batches,
  type BatchOptions,
  collate,
  type EpochOptions,
  type Stacked,
  stepsPerEpoch,
} from "./stream.ts";
export {
  indexTfRecords,
  maskedCrc,
  readTfRecords,
  type TfRecord,
  type TfRecordIndex,
} from "./formats/tfrecord.ts";
export { type Feature, parseExample } from "./formats/tfexample.ts";
