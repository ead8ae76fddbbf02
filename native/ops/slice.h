// x[..., start:end] along the first or the last axis: a view, no data moves. A slice of the last
// axis keeps the row stride of x; a symbolic first axis cannot be sliced.
#pragma once

#include "ops/op.h"

namespace tubelet {

struct Slice {
  enum Input { x };
  static constexpr InputSpec inputs[] = {{"x"}};

  struct Attributes {
    int64_t axis = 0; ///< 0 or rank - 1
    int64_t start = 0;
    int64_t end = 1;

    template <class Visitor> void visit(Visitor &v) {
      v.field("axis", axis);
      v.field("start", start);
      v.field("end", end, 1);
    }
  };

  static Shape output_shape(const NodeTypes &node, const Attributes &attributes);
  static ViewPlacement place(const Shape &from, int64_t row_stride, const Attributes &attributes);
};

} // namespace tubelet
