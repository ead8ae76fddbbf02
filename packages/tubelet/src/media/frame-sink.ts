/** Where a writer's frames go: one per format. Frames have the output's size. */
export interface FrameSink {
  /** Takes one frame and may keep the array; resolves when it is ready for the next. */
  add(rgb: Uint8Array): Promise<void>;
  /** The parts of the file. Called once, after at least one frame. */
  finish(): Promise<Uint8Array[]>;
  /** Releases everything; idempotent. */
  close(): void;
}

/** What every sink is told: the output's size in pixels, frames a second, quality from 1 to 100 where it was given. */
export interface SinkConfig {
  readonly width: number;
  readonly height: number;
  readonly fps: number;
  readonly quality?: number;
}
