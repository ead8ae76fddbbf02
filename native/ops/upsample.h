// Nearest-neighbour upsampling by whole factors, channels last:
//   y[f,h,w,c] = x[f / factorT, h / factorH, w / factorW, c]        divisions rounded down
//   x     f32 [F, H, W, C], last axis may be a slice
//   -> y  f32 [F·factorT, H·factorH, W·factorW, C], no alias
#pragma once

#include "ops/op.h"

namespace tubelet {

struct Upsample {
  enum Input { x };
  static constexpr InputSpec inputs[] = {{"x"}};

  struct Attributes {
    int64_t factor_t = 1, factor_h = 1, factor_w = 1;

    template <class Visitor> void visit(Visitor &v) {
      v.field("factorT", factor_t, 1);
      v.field("factorH", factor_h, 1);
      v.field("factorW", factor_w, 1);
    }
  };

  static Shape output_shape(const NodeTypes &node, const Attributes &attributes);
  static Cost cost(const Tensor *inputs, const Tensor &output, const Attributes &attributes);
};

} // namespace tubelet
