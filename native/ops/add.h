// Sum: y = a + b, where b has a's shape or is a vector used by every row.
//   a     f32 [..., D], last axis may be a slice
//   b     f32 [..., D], last axis may be a slice, or [D]
//   -> y  f32 [..., D]; may be a itself, or b where it has a's shape
#pragma once

#include "ops/op.h"

namespace tubelet {

struct Add {
  enum Input { a, b };
  static constexpr InputSpec inputs[] = {{"a"}, {"b"}};

  struct Attributes {
    template <class Visitor> void visit(Visitor &) {}
  };

  static Shape output_shape(const NodeTypes &node, const Attributes &attributes);
  static Cost cost(const Tensor *inputs, const Tensor &output, const Attributes &attributes);
};

} // namespace tubelet
