import { unet } from '@tubelet/models';
import { countParameters } from '@tubelet/testing';
import { expect, it } from 'vitest';
import { unetOfWidth } from '../src/unet.js';

it('has the form of Stable Diffusion 1.5 at any width', () => {
  const graph = (width: number) =>
    unet(unetOfWidth(width), { height: 8, width: 8, textTokens: [77] });
  // Published: 859,520,964; the number of heads changes none.
  expect(countParameters(graph(320))).toBe(859_520_964);
  expect(countParameters(graph(80))).toBeLessThan(859_520_964 / 12);
  expect(unetOfWidth(80)).toMatchObject({ normGroups: 8, crossWidth: 768 });
});
