// y = min(max(x, min), max); NaN stays NaN.
//   x     f32 [...], last axis may be a slice
//   -> y  f32 [...]; may be x itself
#pragma once

#include "ops/op.h"

namespace tubelet {

struct Clamp {
  enum Input { x };
  static constexpr InputSpec inputs[] = {{"x"}};

  struct Attributes {
    double min = 0;
    double max = 0;

    template <class Visitor> void visit(Visitor &v) {
      v.field("min", min);
      v.field("max", max);
    }
  };

  static Shape output_shape(const NodeTypes &node, const Attributes &attributes);
  static Cost cost(const Tensor *inputs, const Tensor &output, const Attributes &attributes);
};

} // namespace tubelet
