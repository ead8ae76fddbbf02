// Residual addition with adaLN's gate (DiT, Peebles and Xie 2022, section 3.2):
//   out[t,d] = x[t,d] + modulation[row[t], gateColumn + d] * y[t,d]
//   x           f32 [T, D], last axis may be a slice
//   y           f32 [T, D], last axis may be a slice
//   modulation  f32 [R, S], S >= gateColumn + D
//   row         i32 [T], 0 <= row < R
//   -> out      f32 [T, D]; may be x or y itself
#pragma once

#include "ops/op.h"

namespace tubelet {

struct GatedResidual {
  enum Input { x, y, modulation, row };
  static constexpr InputSpec inputs[] = {{"x"}, {"y"}, {"modulation"}, {"row", InputKind::index}};

  struct Attributes {
    int64_t gate_column = 0;

    template <class Visitor> void visit(Visitor &v) { v.field("gateColumn", gate_column); }
  };

  static Shape output_shape(const NodeTypes &node, const Attributes &attributes);
  static Cost cost(const Tensor *inputs, const Tensor &output, const Attributes &attributes);
  static void check_data(const Tensor *inputs, const Tensor &output, const Attributes &attributes);
};

} // namespace tubelet
