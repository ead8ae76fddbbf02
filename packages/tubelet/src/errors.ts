const brand = Symbol.for('tubelet.error');

/**
 * The one error form: `[op] what must be = expected, got actual`.
 *
 * `code` is for programs: BAD_INPUT, UNSUPPORTED, IO, ABORTED, DISPOSED, and the codes of the graph and the addon.
 */
export class TubeletError extends Error {
  readonly code: string;
  /** The op, or the part of Tubelet, that refused. */
  readonly op?: string;

  constructor(code: string, op: string, message: string, options?: { cause?: unknown }) {
    super(`[${op}] ${message}`, options);
    this.name = 'TubeletError';
    this.code = code;
    this.op = op;
    Object.defineProperty(this, brand, { value: true });
  }

  /** True for a TubeletError of any Tubelet package and any copy of it. */
  static isInstance(error: unknown): error is TubeletError {
    return typeof error === 'object' && error !== null && brand in error;
  }
}
