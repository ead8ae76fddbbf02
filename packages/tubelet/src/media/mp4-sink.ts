import type { FrameSink, SinkConfig } from './frame-sink.js';
import { createFfmpegEncoder } from './h264-ffmpeg.js';
import { createWasmEncoder } from './h264-wasm.js';
import { evenSide, rgbToI420 } from './i420.js';
import { muxMp4 } from './mp4-mux.js';

/** Which H.264 encoder makes an mp4: `wasm` is always there, `ffmpeg` is the program on PATH. */
export type Mp4Codec = 'wasm' | 'ffmpeg';

/** QP 14: no visible loss on pixel art (54 dB), at about half the bytes of QP 10. */
const defaultQuality = 90;

/** Quality 100 is QP 10, 1 is QP 51. */
function quantizerOf(quality: number): number {
  return Math.round(51 - ((quality - 1) * 41) / 99);
}

/** An mp4: H.264, 4:2:0, BT.709 limited range. An odd side grows by one pixel, which repeats its neighbour. */
export async function createMp4Sink(config: SinkConfig, codec: Mp4Codec): Promise<FrameSink> {
  const width = evenSide(config.width);
  const height = evenSide(config.height);
  const quantizer = quantizerOf(config.quality ?? defaultQuality);
  const h264Config = { width, height, fps: config.fps, quantizer };
  const encoder =
    codec === 'wasm' ? createWasmEncoder(h264Config) : await createFfmpegEncoder(h264Config);
  return {
    add: (rgb) =>
      encoder.encode(rgbToI420({ data: rgb, width: config.width, height: config.height })),
    finish: async () => muxMp4(await encoder.finish(), { width, height, fps: config.fps }),
    close: () => encoder.close(),
  };
}
