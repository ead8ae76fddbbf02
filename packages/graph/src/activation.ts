/** Elementwise functions that ops can apply to their result; `none` passes it on. */
export const activations = ['none', 'gelu_tanh', 'gelu_erf', 'quick_gelu', 'silu', 'relu'] as const;

export type Activation = (typeof activations)[number];
