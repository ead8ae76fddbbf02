/** The stream of a seed's noise for an image's posterior, far from those of a scheduler. */
export const posteriorStream = 0x10000000;

/**
 * A sample of what an encoder answers.
 *
 * @param mean [places, channels], and so `logvar`
 * @param noise [channels, places]
 * @returns [channels, places]
 */
export function samplePosterior(
  mean: Float32Array,
  logvar: Float32Array,
  noise: Float32Array,
  channels: number,
): Float32Array {
  const places = mean.length / channels;
  return noise.map((drawn, i) => {
    const from = (i % places) * channels + Math.floor(i / places);
    return mean[from]! + Math.exp(logvar[from]! / 2) * drawn;
  });
}
