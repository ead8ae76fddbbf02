/** Elementwise functions that ops can apply to their result; `none` passes it on. */
export const activations = ['none', 'gelu_tanh', 'gelu_erf', 'quick_gelu', 'silu', 'relu'] as const;

/** What {@link linear} may apply to its result. */
export type Activation = (typeof activations)[number];
