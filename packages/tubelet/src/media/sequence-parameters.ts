import { TubeletError } from '../errors.js';
import { escapeNal, unescapeNal } from './nal-units.js';

/** What the whole clip asks of a decoder, to find its level. */
export interface ClipLoad {
  readonly fps: number;
  readonly bitsPerSecond: number;
}

// level_idc, macroblocks a second, macroblocks a frame, kbit/s (ITU-T H.264, table A-1; A.3.1 for the sides).
const levels: readonly (readonly [number, number, number, number])[] = [
  [10, 1485, 99, 64],
  [11, 3000, 396, 192],
  [12, 6000, 396, 384],
  [13, 11880, 396, 768],
  [20, 11880, 396, 2000],
  [21, 19800, 792, 4000],
  [22, 20250, 1620, 4000],
  [30, 40500, 1620, 10000],
  [31, 108000, 3600, 14000],
  [32, 216000, 5120, 20000],
  [40, 245760, 8192, 20000],
  [41, 245760, 8192, 50000],
  [42, 522240, 8704, 50000],
  [50, 589824, 22080, 135000],
  [51, 983040, 36864, 240000],
  [52, 2073600, 36864, 240000],
  [60, 4177920, 139264, 240000],
  [61, 8355840, 139264, 480000],
  [62, 16711680, 139264, 800000],
];

const baselineProfile = 66;
const profilesWithChromaFormat = new Set([100, 110, 122, 244, 44, 83, 86, 118, 128]);
const constrainedBaseline = 0xc0;

/**
 * Rewrites an H.264 sequence parameter set (7.3.2.1.1) so that players need not guess: VUI with BT.709 limited range and
 * centred chroma, no reordering of frames (shown without delay), and a level that covers frame rate and bit rate. A
 * baseline stream is marked constrained, which hardware decoders ask for.
 *
 * @param sps the NAL unit, escaped, header byte first; of a stream without B frames
 */
export function describeSequence(sps: Uint8Array, load: ClipLoad): Uint8Array {
  const source = new BitReader(unescapeNal(sps));
  const bits = new BitWriter();
  const copy = (count: number): number => bits.fixed(source.fixed(count), count);
  const copyUe = (): number => bits.ue(source.ue());
  const copySe = (): number => bits.ue(source.ue());

  copy(8); // NAL header
  const profile = copy(8);
  copy(8); // constraint flags
  copy(8); // level_idc
  copyUe(); // seq_parameter_set_id
  if (profilesWithChromaFormat.has(profile)) {
    if (copyUe() === 3) copy(1); // chroma_format_idc, separate_colour_plane_flag
    copyUe(); // bit_depth_luma_minus8
    copyUe(); // bit_depth_chroma_minus8
    copy(1); // qpprime_y_zero_transform_bypass_flag
    if (copy(1) === 1) throw malformed('no scaling matrix', 'one');
  }
  copyUe(); // log2_max_frame_num_minus4
  const orderType = copyUe();
  if (orderType === 0) copyUe();
  if (orderType === 1) {
    copy(1);
    copySe();
    copySe();
    for (let count = copyUe(); count > 0; count--) copySe();
  }
  const referenceFrames = copyUe();
  copy(1); // gaps_in_frame_num_value_allowed_flag
  const widthInBlocks = copyUe() + 1;
  const heightInBlocks = copyUe() + 1;
  if (copy(1) === 0) throw malformed('frames', 'fields');
  copy(1); // direct_8x8_inference_flag
  if (copy(1) === 1) for (let side = 0; side < 4; side++) copyUe();

  bits.fixed(1, 1); // vui_parameters_present_flag
  bits.fixed(0, 2); // no aspect ratio, no overscan
  bits.fixed(1, 1); // video_signal_type_present_flag
  bits.fixed(5, 3); // video format unspecified
  bits.fixed(0, 1); // limited range
  bits.fixed(1, 1); // colour_description_present_flag
  for (let tag = 0; tag < 3; tag++) bits.fixed(1, 8); // primaries, transfer, matrix: BT.709
  bits.fixed(1, 1); // chroma_loc_info_present_flag
  bits.ue(1); // centre, both fields
  bits.ue(1);
  bits.fixed(0, 4); // no timing, no HRD of either kind, no pic_struct
  bits.fixed(1, 1); // bitstream_restriction_flag
  bits.fixed(1, 1); // motion vectors may leave the picture
  bits.ue(0); // max_bytes_per_pic_denom: no limit
  bits.ue(0); // max_bits_per_mb_denom: no limit
  bits.ue(15); // log2_max_mv_length, horizontal and vertical
  bits.ue(15);
  bits.ue(0); // max_num_reorder_frames
  bits.ue(referenceFrames); // max_dec_frame_buffering
  bits.fixed(1, 1); // stop bit

  const payload = bits.bytes();
  if (profile === baselineProfile) payload[2] = payload[2]! | constrainedBaseline;
  payload[3] = Math.max(payload[3]!, levelFor(widthInBlocks, heightInBlocks, load));
  return escapeNal(payload);
}

function levelFor(width: number, height: number, { fps, bitsPerSecond }: ClipLoad): number {
  const blocks = width * height;
  const row = levels.find(
    ([, perSecond, perFrame, kbits]) =>
      blocks <= perFrame &&
      Math.max(width, height) ** 2 <= 8 * perFrame &&
      blocks * fps <= perSecond &&
      bitsPerSecond <= kbits * 1000,
  );
  return (row ?? levels[levels.length - 1]!)[0];
}

function malformed(expected: string, got: string): TubeletError {
  const message = `the encoder's sequence parameters must be = ${expected}, got ${got}`;
  return new TubeletError('UNSUPPORTED', 'mp4', message);
}

class BitReader {
  private at = 0;
  private readonly data: Uint8Array;

  constructor(data: Uint8Array) {
    this.data = data;
  }

  fixed(count: number): number {
    let value = 0;
    for (let bit = 0; bit < count; bit++, this.at++) {
      const byte = this.data[this.at >> 3];
      if (byte === undefined) throw malformed('complete', 'a truncated one');
      value = value * 2 + ((byte >> (7 - (this.at & 7))) & 1);
    }
    return value;
  }

  /** Exp-Golomb code, unsigned (9.1). A signed one is the same bits. */
  ue(): number {
    let zeros = 0;
    while (this.fixed(1) === 0) zeros++;
    return 2 ** zeros - 1 + this.fixed(zeros);
  }
}

class BitWriter {
  private readonly bits: number[] = [];

  fixed(value: number, count: number): number {
    for (let bit = count - 1; bit >= 0; bit--) this.bits.push(Math.floor(value / 2 ** bit) % 2);
    return value;
  }

  ue(value: number): number {
    const length = Math.floor(Math.log2(value + 1));
    this.fixed(0, length);
    this.fixed(value + 1, length + 1);
    return value;
  }

  /** The bits so far, filled up with zeros to a whole byte. */
  bytes(): Uint8Array {
    const bytes = new Uint8Array(Math.ceil(this.bits.length / 8));
    this.bits.forEach((bit, at) => {
      bytes[at >> 3] = bytes[at >> 3]! | (bit << (7 - (at & 7)));
    });
    return bytes;
  }
}
