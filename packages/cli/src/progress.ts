import type { TextStream } from './terminal.js';

export type Stage = 'loading' | 'tokens' | 'encoding' | 'denoising' | 'decoding' | 'writing';

/** Tells how far the work is, and keeps the time of each stage. */
export interface Progress {
  /** Of `stage`, `done` of `total` pieces are done. */
  report(stage: Stage, done: number, total: number): void;
  /** Ends the last stage and takes the bar away. */
  finish(): void;
  /** Seconds of each stage so far. */
  readonly seconds: Readonly<Partial<Record<Stage, number>>>;
}

/** @param now milliseconds of a clock */
export function createProgress(
  stream: TextStream | undefined,
  now: () => number = () => performance.now(),
): Progress {
  const seconds: Partial<Record<Stage, number>> = {};
  const show = stream && (stream.isTTY ? bar(stream) : lines(stream));
  let current: { readonly stage: Stage; readonly start: number } | undefined;
  const close = () => {
    if (current)
      seconds[current.stage] = (seconds[current.stage] ?? 0) + (now() - current.start) / 1000;
    current = undefined;
  };
  return {
    seconds,
    report(stage, done, total) {
      if (stage !== current?.stage) {
        close();
        current = { stage, start: now() };
      }
      const elapsed = (now() - current!.start) / 1000;
      const left =
        stage === 'denoising' && done > 0 && done < total
          ? (elapsed / done) * (total - done)
          : undefined;
      show?.update({ stage, done, total, left });
    },
    finish() {
      close();
      show?.finish();
    },
  };
}

interface State {
  readonly stage: Stage;
  readonly done: number;
  readonly total: number;
  /** Seconds, where they can be told. */
  readonly left: number | undefined;
}

interface Display {
  update(state: State): void;
  finish(): void;
}

/** One line that is written over again and again. */
function bar(stream: TextStream): Display {
  const clear = '\r\u001b[2K';
  return {
    update(state) {
      const columns = stream.columns || 80;
      const text = `  ${figures(state)}`;
      const room = Math.min(40, columns - 11 - text.length - 1);
      const filled = Math.round((room * state.done) / state.total);
      const picture = room < 4 ? '' : '█'.repeat(filled) + '░'.repeat(room - filled);
      stream.write(clear + `${state.stage.padEnd(11)}${picture}${text}`.slice(0, columns - 1));
    },
    finish: () => void stream.write(clear),
  };
}

/** A line for each stage and each denoising step: for logs. */
function lines(stream: TextStream): Display {
  let last: Stage | undefined;
  return {
    update(state) {
      const { stage, done } = state;
      const isNew = stage !== last;
      last = stage;
      if (stage === 'denoising' && done > 0) stream.write(`${stage} ${figures(state)}\n`);
      else if (isNew) stream.write(`${stage}\n`);
    },
    finish() {},
  };
}

function figures({ stage, done, total, left }: State): string {
  const count = stage === 'denoising' || stage === 'decoding' ? `${done}/${total}` : '';
  return left === undefined ? count : `${count}, ${duration(left)} left`;
}

/** 4 s, 1 min 20 s, 2 h 5 min */
export function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
