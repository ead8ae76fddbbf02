import { describe, expect, it } from 'vitest';
import { createProgress, duration } from '../src/progress.js';

function recorded(isTTY: boolean, columns?: number) {
  const texts: string[] = [];
  const clock = { now: 0 };
  const stream = { isTTY, columns, write: (text: string) => texts.push(text) };
  return { texts, clock, progress: createProgress(stream, () => clock.now) };
}

describe('progress', () => {
  it('is one line in a terminal, with steps and time left', () => {
    const { texts, clock, progress } = recorded(true, 60);
    progress.report('denoising', 0, 4);
    clock.now = 2000;
    progress.report('denoising', 1, 4);
    progress.finish();
    expect(texts.every((text) => text.startsWith('\r\u001b[2K'))).toBe(true);
    expect(texts.join('')).not.toContain('\n');
    expect(texts[1]).toMatch(/^\r.{4}denoising {2}█+░+ {2}1\/4, 6 s left$/);
    for (const text of texts) expect(text.length - 5).toBeLessThan(60);
    expect(texts.at(-1)).toBe('\r\u001b[2K');
  });

  it('fits in a narrow terminal', () => {
    const { texts, progress } = recorded(true, 20);
    progress.report('denoising', 3, 1000);
    progress.finish();
    expect(texts[0]!.length - 5).toBeLessThan(20);
    expect(texts[0]).not.toContain('█');
  });

  it('is plain lines elsewhere: stages, and steps of denoising', () => {
    const { texts, clock, progress } = recorded(false);
    progress.report('loading', 0, 1);
    progress.report('denoising', 0, 2);
    clock.now = 1000;
    progress.report('denoising', 1, 2);
    progress.report('decoding', 0, 2);
    progress.report('decoding', 1, 2);
    progress.finish();
    expect(texts).toEqual(['loading\n', 'denoising\n', 'denoising 1/2, 1 s left\n', 'decoding\n']);
  });

  it('keeps the time of each stage, without a stream too', () => {
    const clock = { now: 0 };
    const progress = createProgress(undefined, () => clock.now);
    progress.report('loading', 0, 1);
    clock.now = 500;
    progress.report('tokens', 0, 1);
    clock.now = 750;
    progress.finish();
    clock.now = 9000;
    progress.finish();
    expect(progress.seconds).toEqual({ loading: 0.5, tokens: 0.25 });
  });

  it('tells time as people do', () => {
    expect([0.2, 59, 60, 80, 7500].map(duration)).toEqual([
      '1 s',
      '59 s',
      '1 min 0 s',
      '1 min 20 s',
      '2 h 5 min',
    ]);
  });
});
