// The same elements under another shape: a view, no data moves. x must be contiguous; a symbolic
// first dim must stay the first dim, and the rest keep its element count.
#pragma once

#include "ops/op.h"

namespace tubelet {

struct Reshape {
  enum Input { x };
  static constexpr InputSpec inputs[] = {{"x"}};

  /// The new shape is the declared output's.
  struct Attributes {
    template <class Visitor> void visit(Visitor &) {}
  };

  static Shape output_shape(const NodeTypes &node, const Attributes &attributes);
  static ViewPlacement place(const Shape &from, int64_t row_stride, const Attributes &attributes);
};

} // namespace tubelet
