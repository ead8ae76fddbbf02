// Layer normalisation over each of `groups` equal parts of the last dim, n = D / groups (Ba et al. 2016):
//   y[t] = (x[t] - mean) / sqrt(var + epsilon) * weight + bias      var is the biased variance
//   x       f32 [T, D], last axis may be a slice
//   weight  f32 [D], or [n] used by every group, optional (1)
//   bias    f32 [D], or [n] used by every group, optional (0)
//   -> y    f32 [T, D]; may be x itself
// A QK norm per head has groups = heads.
#pragma once

#include "ops/op.h"

namespace tubelet {

struct LayerNorm {
  enum Input { x, weight, bias };
  static constexpr InputSpec inputs[] = {
      {"x"}, {"weight", InputKind::activation, true}, {"bias", InputKind::activation, true}};

  struct Attributes {
    double epsilon = 1e-5;
    int64_t groups = 1;

    template <class Visitor> void visit(Visitor &v) {
      v.field("epsilon", epsilon, 0.0);
      v.field("groups", groups, 1);
    }
  };

  static Shape output_shape(const NodeTypes &node, const Attributes &attributes);
  static Cost cost(const Tensor *inputs, const Tensor &output, const Attributes &attributes);
};

} // namespace tubelet
