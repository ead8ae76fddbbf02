// Concatenation along the first or the last axis.
//   x...  f32 [..., A0, ...], [..., A1, ...], … equal but in that axis; last axis may be a slice
//   -> y  f32 [..., A0 + A1 + …, ...], no alias
#pragma once

#include "ops/op.h"

namespace tubelet {

struct Concat {
  enum Input { x };
  static constexpr InputSpec inputs[] = {{"x"}};
  static constexpr bool is_variadic = true;

  struct Attributes {
    int64_t axis = 0; ///< 0 or rank - 1

    template <class Visitor> void visit(Visitor &v) { v.field("axis", axis); }
  };

  static Shape output_shape(const NodeTypes &node, const Attributes &attributes);
  static Cost cost(const Tensor *inputs, int input_count, const Tensor &output,
                   const Attributes &attributes);
};

} // namespace tubelet
