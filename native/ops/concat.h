// Concatenation along axis 0.
//   x...  f32 [A0, ...], [A1, ...], … equal but in axis 0; last axis may be a slice
//   -> y  f32 [A0 + A1 + …, ...], no alias
#pragma once

#include "ops/op.h"

namespace tubelet {

struct Concat {
  enum Input { x };
  static constexpr InputSpec inputs[] = {{"x"}};
  static constexpr bool is_variadic = true;

  struct Attributes {
    template <class Visitor> void visit(Visitor &) {}
  };

  static Shape output_shape(const NodeTypes &node, const Attributes &attributes);
  static Cost cost(const Tensor *inputs, int input_count, const Tensor &output,
                   const Attributes &attributes);
};

} // namespace tubelet
