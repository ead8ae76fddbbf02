import { TubeletError } from '../errors.js';
import type { H264Sample, H264Stream } from './h264.js';
import { nalType, nalTypeOf } from './nal-units.js';

/** One ISO base media box: its type and its payload without the header. */
export interface Mp4Box {
  readonly type: string;
  readonly payload: DataView;
}

/** The boxes of a file, or of a container box's payload (ISO/IEC 14496-12, 4.2). */
export function mp4Boxes(data: DataView): Mp4Box[] {
  const boxes: Mp4Box[] = [];
  for (let at = 0; at < data.byteLength; ) {
    if (data.byteLength - at < 8) throw malformed('whole boxes', 'a cut one');
    let header = 8;
    let size = data.getUint32(at);
    const type = latin1(data, at + 4, 4);
    if (size === 1 && data.byteLength - at >= 16) {
      header = 16;
      size = Number(data.getBigUint64(at + 8));
    }
    if (size === 0) size = data.byteLength - at;
    if (size < header || size > data.byteLength - at) {
      throw malformed(`a box ${type} within the file`, `${size} bytes`);
    }
    boxes.push({ type, payload: view(data, at + header, size - header) });
    at += size;
  }
  return boxes;
}

/** The payload of the first box at a path such as `moov/trak/mdia`. */
export function mp4Box(data: DataView, path: string): DataView {
  let inside = data;
  for (const type of path.split('/')) {
    const box = mp4Boxes(inside).find((candidate) => candidate.type === type);
    if (box === undefined) throw malformed(`a box ${path}`, 'none');
    inside = box.payload;
  }
  return inside;
}

const sampleTable = 'moov/trak/mdia/minf/stbl';
const sampleDescriptionHeader = 8;
const visualSampleEntryBytes = 78;

/** The first sample description: its fields, and the boxes behind them (avcC, colr and the like). */
export function mp4VideoEntry(file: DataView): { entry: DataView; boxes: DataView } {
  const stsd = mp4Box(file, `${sampleTable}/stsd`);
  const entry = mp4Box(view(stsd, sampleDescriptionHeader), 'avc1');
  return { entry, boxes: view(entry, visualSampleEntryBytes) };
}

/** Reads the one H.264 track of an mp4 that has its samples in order, four-byte NAL lengths and no B frames. */
export function readH264Track(bytes: Uint8Array): H264Stream {
  const file = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const avcC = mp4Box(mp4VideoEntry(file).boxes, 'avcC');
  const spsLength = avcC.getUint16(6);
  const ppsAt = 8 + spsLength + 1;
  return {
    sps: byteArray(view(avcC, 8, spsLength)).slice(),
    pps: byteArray(view(avcC, ppsAt + 2, avcC.getUint16(ppsAt))).slice(),
    samples: readSamples(file, bytes),
  };
}

function readSamples(file: DataView, bytes: Uint8Array): H264Sample[] {
  const stbl = mp4Box(file, sampleTable);
  const types = mp4Boxes(stbl).map((box) => box.type);
  const sizes = mp4Box(stbl, 'stsz');
  const toChunk = mp4Box(stbl, 'stsc');
  const wide = types.includes('co64');
  const offsets = mp4Box(stbl, wide ? 'co64' : 'stco');
  const chunkOffset = (chunk: number): number =>
    wide ? Number(offsets.getBigUint64(8 + chunk * 8)) : offsets.getUint32(8 + chunk * 4);

  const samples: H264Sample[] = [];
  const count = sizes.getUint32(8);
  const chunks = offsets.getUint32(4);
  let run = 0;
  for (let chunk = 0; chunk < chunks && samples.length < count; chunk++) {
    const nextRun = run + 1;
    if (nextRun < toChunk.getUint32(4) && toChunk.getUint32(8 + nextRun * 12) === chunk + 1) run++;
    const perChunk = toChunk.getUint32(8 + run * 12 + 4);
    let at = chunkOffset(chunk);
    for (let inChunk = 0; inChunk < perChunk && samples.length < count; inChunk++) {
      const size = sizes.getUint32(4) || sizes.getUint32(12 + samples.length * 4);
      if (at + size > bytes.length)
        throw malformed('samples within the file', 'one beyond its end');
      const data = bytes.subarray(at, at + size);
      samples.push({ data, isKeyframe: nalTypeOf(data.subarray(4)) === nalType.keySlice });
      at += size;
    }
  }
  return samples;
}

function view(data: DataView, start: number, length = data.byteLength - start): DataView {
  return new DataView(data.buffer, data.byteOffset + start, length);
}

function byteArray(data: DataView): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function latin1(data: DataView, start: number, length: number): string {
  return Buffer.from(data.buffer, data.byteOffset + start, length).toString('latin1');
}

function malformed(expected: string, got: string): TubeletError {
  return new TubeletError('BAD_INPUT', 'mp4', `the file must be = ${expected}, got ${got}`);
}
