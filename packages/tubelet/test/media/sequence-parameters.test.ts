import { describe, expect, it } from 'vitest';
import { escapeNal, splitAnnexB, unescapeNal } from '../../src/media/nal-units.js';
import { describeSequence } from '../../src/media/sequence-parameters.js';

// minih264's for 256x256: constrained to nothing, level 1.1, POC type 2, one reference, no VUI.
const baseline = Uint8Array.from([0x67, 66, 0, 11, 166, 129, 0, 134, 64]);
const quiet = { fps: 1, bitsPerSecond: 1000 };

/** Field by field as in 7.3.2.1.1 and E.1.1 for a baseline stream, independent of the writer. */
function parse(sps: Uint8Array) {
  const payload = unescapeNal(sps);
  const bits = [...payload].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  let at = 32;
  const u = (count: number): number => {
    at += count;
    return Number.parseInt(bits.slice(at - count, at), 2);
  };
  const ue = (): number => {
    const zeros = bits.indexOf('1', at) - at;
    at += zeros;
    return u(zeros + 1) - 1;
  };
  const head = { id: ue(), frameNumBits: ue() + 4, orderType: ue(), references: ue(), gaps: u(1) };
  const size = { width: (ue() + 1) * 16, height: (ue() + 1) * 16, flags: u(2), crop: u(1) };
  const vui = { present: u(1), aspect: u(1), overscan: u(1), signal: u(1), format: u(3) };
  const colour = { full: u(1), described: u(1), tags: [u(8), u(8), u(8)] };
  const chroma = { present: u(1), top: ue(), bottom: ue() };
  const absent = u(4);
  const restriction = { present: u(1), overEdge: u(1), limits: [ue(), ue(), ue(), ue()] };
  const order = { reordered: ue(), buffered: ue() };
  const rest = bits.slice(at);
  return { head, size, vui, colour, chroma, absent, restriction, order, rest };
}

describe('describeSequence', () => {
  it('adds colour, chroma position and order of frames, and keeps the rest', () => {
    const sps = describeSequence(baseline, quiet);
    const parsed = parse(sps);
    expect(parsed.head).toMatchObject({ id: 0, orderType: 2, references: 1 });
    expect(parsed.size).toMatchObject({ width: 256, height: 256, crop: 0 });
    expect(parsed.vui).toEqual({ present: 1, aspect: 0, overscan: 0, signal: 1, format: 5 });
    expect(parsed.colour).toEqual({ full: 0, described: 1, tags: [1, 1, 1] });
    expect(parsed.chroma).toEqual({ present: 1, top: 1, bottom: 1 });
    expect(parsed.absent).toBe(0);
    expect(parsed.order).toEqual({ reordered: 0, buffered: 1 });
    expect(parsed.rest).toMatch(/^10{0,7}$/);
  });

  it('marks baseline as constrained', () => {
    expect(describeSequence(baseline, quiet)[2]).toBe(0xc0);
  });

  it('replaces a VUI that is there by the same one', () => {
    const once = describeSequence(baseline, quiet);
    expect(describeSequence(once, quiet)).toEqual(once);
  });

  it.each([
    [1, 1e3, 11],
    [16, 1e3, 12],
    [60, 1e3, 21],
    [16, 5e6, 30],
    [1000, 1e3, 42],
  ])('at %d frames and %d bits a second is level_idc %d', (fps, bitsPerSecond, level) => {
    expect(describeSequence(baseline, { fps, bitsPerSecond })[3]).toBe(level);
  });

  it('refuses a truncated one', () => {
    expect(() => describeSequence(baseline.subarray(0, 6), quiet)).toThrow(/got a truncated one/);
  });
});

describe('NAL units', () => {
  it('escapes what looks like a start code, and back', () => {
    const payload = Uint8Array.from([0, 0, 0, 0, 0, 1, 0, 0, 2, 0, 0, 3, 9, 0, 0, 4]);
    const escaped = escapeNal(payload);
    expect([...escaped]).toEqual([0, 0, 3, 0, 0, 3, 0, 1, 0, 0, 3, 2, 0, 0, 3, 3, 9, 0, 0, 4]);
    expect(unescapeNal(escaped)).toEqual(payload);
  });

  it('splits start codes of three and four bytes', () => {
    const stream = Uint8Array.from([0, 0, 0, 1, 7, 1, 0, 0, 1, 8, 0, 0, 0, 1, 5, 2, 3]);
    expect(splitAnnexB(stream).map((unit) => [...unit])).toEqual([[7, 1], [8], [5, 2, 3]]);
  });
});
