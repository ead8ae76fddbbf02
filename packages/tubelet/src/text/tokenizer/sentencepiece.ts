import { malformed } from './fields.js';

/** A vocabulary file of sentencepiece (`spiece.model`), as far as a tokenizer needs it. */
export interface SentencePieceModel {
  readonly pieces: readonly {
    readonly piece: string;
    readonly score: number;
    /** Control and unknown pieces do not come from text. */
    readonly isSpecial: boolean;
  }[];
  readonly unkId: number;
  readonly byteFallback: boolean;
  /** The compiled character map, empty where there is none. */
  readonly charsmap: Uint8Array;
}

const unigram = 1;
const specialTypes: readonly unknown[] = [2, 3];

/**
 * Reads a ModelProto of sentencepiece (sentencepiece_model.proto, 0.2).
 *
 * @throws TubeletError BAD_CONFIG for bytes that are no such message and for models other than Unigram
 */
export function readSentencePiece(bytes: Uint8Array, where: string): SentencePieceModel {
  const model = fieldsIn(bytes, where);
  const trainer = fieldsIn(lastBytes(model, 2), where);
  const normalizer = fieldsIn(lastBytes(model, 3), where);
  const kind = lastNumber(trainer, 3, unigram);
  if (kind !== unigram) throw malformed(`model_type of ${where}`, `${unigram} (unigram)`, kind);
  const pieces = (model.get(1) ?? []).map((value) => {
    const piece = fieldsIn(value instanceof Uint8Array ? value : new Uint8Array(), where);
    return {
      piece: new TextDecoder().decode(lastBytes(piece, 1)),
      score: lastNumber(piece, 2, 0),
      isSpecial: specialTypes.includes(lastNumber(piece, 3, 1)),
    };
  });
  if (pieces.length === 0) throw malformed(where, 'a sentencepiece model', 'no pieces');
  return {
    pieces,
    unkId: lastNumber(trainer, 40, 0),
    byteFallback: lastNumber(trainer, 35, 0) === 1,
    charsmap: lastBytes(normalizer, 2),
  };
}

/** The fields of one message by number: bytes, and numbers of any width. */
type Message = ReadonlyMap<number, readonly (number | Uint8Array)[]>;

function fieldsIn(bytes: Uint8Array, where: string): Message {
  const fields = new Map<number, (number | Uint8Array)[]>();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const need = (count: number) => {
    if (at + count > bytes.length) throw malformed(where, 'a sentencepiece model', 'a cut message');
    at += count;
    return at - count;
  };
  // Seven bits a byte, the lowest first; a negative number has ten of them and is not met here.
  const varint = () => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = bytes[need(1)]!;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw malformed(where, 'a sentencepiece model', 'a number without end');
  };
  while (at < bytes.length) {
    const key = varint();
    const [field, type] = [Math.floor(key / 8), key % 8];
    let value: number | Uint8Array;
    if (type === 0) value = varint();
    else if (type === 1) value = view.getFloat64(need(8), true);
    else if (type === 5) value = view.getFloat32(need(4), true);
    else if (type === 2) {
      const length = varint();
      const start = need(length);
      value = bytes.subarray(start, start + length);
    } else throw malformed(where, 'a sentencepiece model', `a field of type ${type}`);
    const known = fields.get(field);
    if (known) known.push(value);
    else fields.set(field, [value]);
  }
  return fields;
}

function lastNumber(message: Message, field: number, fallback: number): number {
  const value = message.get(field)?.at(-1);
  return typeof value === 'number' ? value : fallback;
}

function lastBytes(message: Message, field: number): Uint8Array {
  const value = message.get(field)?.at(-1);
  return value instanceof Uint8Array ? value : new Uint8Array();
}
