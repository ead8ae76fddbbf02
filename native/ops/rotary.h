// Rotary position embedding (Su et al. 2021) by tables, for any number of axes: in each head of
// headDim columns the first 2P are turned, the rest passes:
//   y[a] = x[a]·cos[t,i] - x[b]·sin[t,i]
//   y[b] = x[b]·cos[t,i] + x[a]·sin[t,i]      0 <= i < P
//   interleaved: a, b = 2i, 2i + 1;  halves: a, b = i, i + P
//   x     f32 [T, D], D a multiple of headDim, last axis may be a slice
//   cos   f32 [T, P], 2P <= headDim
//   sin   f32 [T, P]
//   -> y  f32 [T, D]; may be x itself
#pragma once

#include "ops/op.h"

namespace tubelet {

struct Rotary {
  enum Input { x, cos, sin };
  static constexpr InputSpec inputs[] = {{"x"}, {"cos"}, {"sin"}};

  enum class Layout { interleaved, halves };
  struct Attributes {
    int64_t head_dim = 2;
    Layout layout = Layout::interleaved;

    template <class Visitor> void visit(Visitor &v) {
      v.field("headDim", head_dim, 2);
      v.field("layout", layout, {"interleaved", "halves"});
    }
  };

  static Shape output_shape(const NodeTypes &node, const Attributes &attributes);
  static Cost cost(const Tensor *inputs, const Tensor &output, const Attributes &attributes);
};

} // namespace tubelet
