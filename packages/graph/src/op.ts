import {
  type AttributeOptions,
  type Attributes,
  type AttributeValues,
  resolveAttributes,
} from './attributes.js';
import { check, TubeletError } from './error.js';
import type { Shape } from './shape.js';
import type { Tensor } from './tensor.js';

/**
 * What an op may be given: an f32 activation (computed, given, constant or a weight), a weight, which
 * stays as it is for the life of a plan, or an i32 index tensor. `?` marks one that may be absent.
 */
export type InputKind = 'activation' | 'weight' | 'index';
/** The kind of an input, with `?` where it may be absent. */
export type InputSpec = InputKind | `${InputKind}?`;

/** One row of the table of ops as TypeScript sees it; the addon's `ops()` lists the same. */
export interface OpDefinition<A extends Attributes = Attributes> {
  /** The op's name everywhere: on the wire, in file names, in errors. */
  readonly stem: string;
  /** In wire order. */
  readonly inputs: Readonly<Record<string, InputSpec>>;
  /** The last input may repeat. */
  readonly variadic?: boolean;
  /** A view moves no data. */
  readonly view?: boolean;
  readonly attributes: A;
}

/** Declares an op; its attributes' names, types and defaults stand only here. */
export function defineOp<A extends Attributes>(definition: OpDefinition<A>): OpDefinition<A> {
  return definition;
}

/**
 * Adds a node to the graph of its first input.
 *
 * @param inputs one entry per input of the op, undefined where an optional one is absent
 * @param shape of the f32 output
 */
export function addNode<A extends Attributes>(
  op: OpDefinition<A>,
  inputs: readonly (Tensor | undefined)[],
  options: AttributeOptions<A>,
  shape: (attributes: AttributeValues<A>) => Shape,
): Tensor {
  checkInputs(op, inputs);
  const attributes = resolveAttributes(op.stem, op.attributes, options);
  const [first] = inputs as readonly [Tensor, ...Tensor[]];
  return first.builder.node(op, inputs, attributes, shape(attributes));
}

function checkInputs(op: OpDefinition, inputs: readonly (Tensor | undefined)[]): void {
  const specs = Object.entries(op.inputs);
  inputs.forEach((tensor, i) => {
    const [name, spec] = specs[Math.min(i, specs.length - 1)];
    if (tensor === undefined) {
      check(spec.endsWith('?'), 'BAD_INPUT', op.stem, name, 'a tensor', 'nothing');
      return;
    }
    if (tensor.builder !== inputs[0]?.builder) {
      throw new TubeletError(
        'BAD_GRAPH',
        op.stem,
        `${name} must be = a tensor of the same graph, got ${tensor.name}`,
      );
    }
    const dtype = spec.startsWith('index') ? 'i32' : 'f32';
    check(tensor.dtype === dtype, 'BAD_INPUT', op.stem, `${name} dtype`, dtype, tensor.dtype);
    if (spec.startsWith('weight')) {
      check(tensor.kind === 'weight', 'BAD_INPUT', op.stem, name, 'a weight', `"${tensor.name}"`);
    }
  });
}
