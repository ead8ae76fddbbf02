// Linear combination, the update of every sampler:
//   y[e] = fma(coefficients[n-1], xn[e], … fma(coefficients[0], x1[e], 0))     float32, in order
//   coefficients  f32 [n]
//   x1 … xn       f32 [E]
//   -> y          f32 [E]; may be any of x1 … xn
// The fused multiply-add rounds once on every machine, so the bits are the same everywhere.
#pragma once

#include "ops/op.h"

namespace tubelet {

struct LinearCombination {
  enum Input { coefficients, x };
  static constexpr InputSpec inputs[] = {{"coefficients"}, {"x"}};
  static constexpr bool is_variadic = true;

  struct Attributes {
    template <class Visitor> void visit(Visitor &) {}
  };

  static Shape output_shape(const NodeTypes &node, const Attributes &attributes);
  static Cost cost(const Tensor *inputs, int input_count, const Tensor &output,
                   const Attributes &attributes);
};

} // namespace tubelet
