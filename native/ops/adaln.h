// adaLN modulation fused with its norm (DiT, Peebles and Xie 2022, section 3.2):
//   y[t,d] = norm(x[t])[d] * (1 + modulation[row[t], scaleColumn + d])
//            + modulation[row[t], shiftColumn + d]
// norm: layer = (x - mean) / sqrt(var + epsilon), without weights; rms = x / sqrt(mean(x²) + epsilon)
//   x           f32 [T, D], last axis may be a slice
//   modulation  f32 [R, S], S >= column + D; the projected conditioning, a row per distinct timestep
//   row         i32 [T], 0 <= row < R
//   -> y        f32 [T, D]; may be x itself
#pragma once

#include "ops/op.h"

namespace tubelet {

struct Adaln {
  enum Input { x, modulation, row };
  static constexpr InputSpec inputs[] = {{"x"}, {"modulation"}, {"row", InputKind::index}};

  enum class Norm { layer, rms };
  struct Attributes {
    Norm norm = Norm::layer;
    double epsilon = 1e-6;
    int64_t shift_column = 0;
    int64_t scale_column = 0;

    template <class Visitor> void visit(Visitor &v) {
      v.field("norm", norm, {"layer", "rms"});
      v.field("epsilon", epsilon, 0.0);
      v.field("shiftColumn", shift_column);
      v.field("scaleColumn", scale_column);
    }
  };

  static Shape output_shape(const NodeTypes &node, const Attributes &attributes);
  static Cost cost(const Tensor *inputs, const Tensor &output, const Attributes &attributes);
  static void check_data(const Tensor *inputs, const Tensor &output, const Attributes &attributes);
};

} // namespace tubelet
