import { describe, expect, it } from 'vitest';
import { median, quietRounds, type Round, roundsNote, summarise } from '../src/statistics.js';

const round = (...turns: readonly (readonly [milliseconds: number, share: number])[]): Round =>
  turns.map(([milliseconds, share]) => ({ milliseconds, share }));

describe('median', () => {
  it('is the middle of an odd number of values, in any order', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([7])).toBe(7);
  });

  it('is between the two middle ones of an even number', () => {
    expect(median([4, 1, 3, 100])).toBe(3.5);
  });

  it('sorts as numbers and leaves its input alone', () => {
    const values = [10, 9, 100];
    expect(median(values)).toBe(10);
    expect(values).toEqual([10, 9, 100]);
  });

  it('is NaN of nothing', () => {
    expect(median([])).toBeNaN();
  });
});

describe('summarise', () => {
  const quiet = [round([10, 0.95], [20, 1]), round([12, 0.9], [22, 0.99])];
  const busyOurs = round([50, 0.4], [20, 1]);
  const busyTheirs = round([10, 0.95], [90, 0.5]);

  it('drops a round in which either contestant was short of processor time', () => {
    const rounds = [...quiet, busyOurs, busyTheirs];
    expect(quietRounds(rounds)).toEqual(quiet);
    const { milliseconds, dropped } = summarise(rounds);
    expect(milliseconds).toEqual([11, 21]);
    expect(dropped).toBe(2);
  });

  it('keeps all rounds and says so where none was quiet', () => {
    const summary = summarise([busyOurs, busyOurs, busyTheirs]);
    expect(summary.milliseconds).toEqual([50, 20]);
    expect(summary.dropped).toBeNull();
    expect(roundsNote('x', 3, summary)).toContain('busy in all 3 rounds');
  });

  it('says how many rounds it dropped', () => {
    expect(roundsNote('x', 3, summarise([...quiet, busyOurs]))).toContain('1 of 3 rounds dropped');
  });
});
