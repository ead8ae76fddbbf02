export type { Mp4Codec } from './mp4-sink.js';
export { checkOutputPath, type MediaFormat, mediaFormat } from './output-path.js';
export { type ClipSource, readClip } from './read-clip.js';
export { fitImage, type ImageSource, readImage } from './read-image.js';
export type { RgbImage } from './rgb-image.js';
export {
  createVideoWriter,
  type VideoFrames,
  type VideoWriter,
  type VideoWriterOptions,
  type WriteVideoOptions,
  writeVideo,
} from './video-writer.js';
