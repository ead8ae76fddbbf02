import { TubeletError } from '../errors.js';

/** One coded frame: its NAL units, each with its length in four bytes, big-endian, before it. */
export interface H264Sample {
  readonly data: Uint8Array;
  readonly isKeyframe: boolean;
}

/** A coded clip without B frames: samples in the order they are shown. */
export interface H264Stream {
  readonly sps: Uint8Array;
  readonly pps: Uint8Array;
  readonly samples: readonly H264Sample[];
}

/** Sides are even; `quantizer` is H.264's QP from 10 (best) to 51. */
export interface H264Config {
  readonly width: number;
  readonly height: number;
  readonly fps: number;
  readonly quantizer: number;
}

/** The codec interface: I420 frames in, a coded clip out. */
export interface H264Encoder {
  /** Takes one I420 frame, whose buffer it may keep; resolves when it is ready for the next. */
  encode(i420: Uint8Array): Promise<void>;
  finish(): Promise<H264Stream>;
  /** Releases everything at once, also in the middle of a frame; idempotent. */
  close(): void;
}

/** Frames from one keyframe to the next: two seconds, so that seeking is quick. */
export function keyframeInterval(fps: number): number {
  return Math.max(1, Math.round(2 * fps));
}

export function encoderError(name: string, cause: unknown): TubeletError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new TubeletError('IO', 'mp4', `the ${name} encoder failed: ${reason}`, { cause });
}
