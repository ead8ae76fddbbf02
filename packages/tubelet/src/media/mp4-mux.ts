import { TubeletError } from '../errors.js';
import type { H264Stream } from './h264.js';
import { describeSequence } from './sequence-parameters.js';

export interface Mp4Config {
  readonly width: number;
  readonly height: number;
  readonly fps: number;
}

/** Ticks of a frame; a second has `fps` times as many, so 29.97 and 12.5 frames a second are exact too. */
const ticksPerFrame = 1000;
const maxFileBytes = 2 ** 32 - 1;

/**
 * Puts a coded clip into an mp4: one video track, index before the samples (plays while it loads), no clock in it, colours
 * tagged BT.709 limited range in the container (`colr` nclx) and in the stream (VUI).
 *
 * @returns the parts of the file, in order
 */
export function muxMp4(stream: H264Stream, { width, height, fps }: Mp4Config): Uint8Array[] {
  const { samples, pps } = stream;
  const mediaBytes = samples.reduce((sum, sample) => sum + sample.data.length, 0);
  if (mediaBytes > maxFileBytes - 2 ** 24) {
    throw new TubeletError(
      'UNSUPPORTED',
      'mp4',
      `the clip must be = below 4 GB, got ${mediaBytes}`,
    );
  }
  const bitsPerSecond = (mediaBytes * 8 * fps) / samples.length;
  const sps = describeSequence(stream.sps, { fps, bitsPerSecond });
  const timescale = Math.round(fps * ticksPerFrame);
  const duration = samples.length * ticksPerFrame;

  const ftyp = box('ftyp', text('isom'), u32(0x200), text('isomiso2avc1mp41'));
  const moov = (mediaStart: number): Uint8Array =>
    box(
      'moov',
      movieHeader(timescale, duration),
      box(
        'trak',
        trackHeader(width, height, duration),
        box(
          'mdia',
          fullBox('mdhd', 0, u32(0, 0, timescale, duration), u16(language('und'), 0)),
          fullBox('hdlr', 0, u32(0), text('vide'), u32(0, 0, 0), text('\0')),
          box(
            'minf',
            fullBox('vmhd', 1, u16(0, 0, 0, 0)),
            box('dinf', fullBox('dref', 0, u32(1), fullBox('url ', 1))),
            box(
              'stbl',
              fullBox('stsd', 0, u32(1), videoEntry(width, height, sps, pps)),
              fullBox('stts', 0, u32(1, samples.length, ticksPerFrame)),
              keyframeTable(stream),
              fullBox('stsc', 0, u32(1, 1, samples.length, 1)),
              fullBox(
                'stsz',
                0,
                u32(0, samples.length),
                u32List(samples.map((s) => s.data.length)),
              ),
              fullBox('stco', 0, u32(1, mediaStart)),
            ),
          ),
        ),
      ),
    );
  const mediaStart = ftyp.length + moov(0).length + 8;
  const mdat = concat([u32(8 + mediaBytes), text('mdat')]);
  return [ftyp, moov(mediaStart), mdat, ...samples.map((sample) => sample.data)];
}

const unityMatrix = u32(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000);

function movieHeader(timescale: number, duration: number): Uint8Array {
  const rateAndVolume = [u32(0x10000), u16(0x100, 0), u32(0, 0)];
  const nextTrack = 2;
  return fullBox(
    'mvhd',
    0,
    u32(0, 0, timescale, duration),
    ...rateAndVolume,
    unityMatrix,
    u32(0, 0, 0, 0, 0, 0, nextTrack),
  );
}

function trackHeader(width: number, height: number, duration: number): Uint8Array {
  const enabledInMovie = 3;
  return fullBox(
    'tkhd',
    enabledInMovie,
    u32(0, 0, 1, 0, duration, 0, 0),
    u16(0, 0, 0, 0),
    unityMatrix,
    u32(width * 0x10000, height * 0x10000),
  );
}

function videoEntry(width: number, height: number, sps: Uint8Array, pps: Uint8Array): Uint8Array {
  const noCompressorName = new Uint8Array(32);
  return box(
    'avc1',
    u16(0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, width, height),
    u32(0x480000, 0x480000, 0),
    u16(1),
    noCompressorName,
    u16(24, 0xffff),
    decoderConfig(sps, pps),
    box('colr', text('nclx'), u16(1, 1, 1), Uint8Array.of(0)),
    box('pasp', u32(1, 1)),
  );
}

function decoderConfig(sps: Uint8Array, pps: Uint8Array): Uint8Array {
  const highProfile = 100;
  const chroma420At8Bits = Uint8Array.of(0xfd, 0xf8, 0xf8, 0);
  return box(
    'avcC',
    Uint8Array.of(1, sps[1]!, sps[2]!, sps[3]!, 0xff, 0xe1),
    u16(sps.length),
    sps,
    Uint8Array.of(1),
    u16(pps.length),
    pps,
    ...(sps[1] === highProfile ? [chroma420At8Bits] : []),
  );
}

function keyframeTable({ samples }: H264Stream): Uint8Array {
  const numbers = samples.flatMap((sample, at) => (sample.isKeyframe ? [at + 1] : []));
  return fullBox('stss', 0, u32(numbers.length), u32List(numbers));
}

/** Three letters of ISO 639-2 in five bits each. */
function language(code: string): number {
  return [...code].reduce((packed, letter) => packed * 32 + letter.charCodeAt(0) - 0x60, 0);
}

function box(type: string, ...parts: readonly Uint8Array[]): Uint8Array {
  const size = parts.reduce((sum, part) => sum + part.length, 8);
  return concat([u32(size), text(type), ...parts]);
}

function fullBox(type: string, flags: number, ...parts: readonly Uint8Array[]): Uint8Array {
  return box(type, u32(flags), ...parts);
}

function u16(...values: readonly number[]): Uint8Array {
  return Uint8Array.from(values.flatMap((value) => [value >>> 8, value]));
}

function u32(...values: readonly number[]): Uint8Array {
  return u32List(values);
}

function u32List(values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 4);
  const view = new DataView(bytes.buffer);
  values.forEach((value, at) => {
    view.setUint32(at * 4, value);
  });
  return bytes;
}

function text(letters: string): Uint8Array {
  return Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
