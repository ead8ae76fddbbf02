// Root mean square norm over each of `groups` equal parts of the last dim, n = D / groups:
//   rms: y = x / sqrt(mean(x²) + epsilon) * weight                  (Zhang and Sennrich 2019)
//   l2:  y = x / max(‖x‖₂, epsilon) * sqrt(n) * weight              (WanRMS_norm, F.normalize)
//   activation silu is applied to y
//   x       f32 [..., D], last axis may be a slice
//   weight  f32 [D], or [n] used by every group, optional (1)
//   -> y    f32 [..., D]; may be x itself
// A QK norm per head has groups = heads.
#pragma once

#include "ops/op.h"

namespace tubelet {

struct RmsNorm {
  enum Input { x, weight };
  static constexpr InputSpec inputs[] = {{"x"}, {"weight", InputKind::activation, true}};

  enum class Form { rms, l2 };
  enum class Activation { none, silu };
  struct Attributes {
    Form form = Form::rms;
    double epsilon = 1e-6;
    int64_t groups = 1;
    Activation activation = Activation::none;

    template <class Visitor> void visit(Visitor &v) {
      v.field("form", form, {"rms", "l2"});
      v.field("epsilon", epsilon, 0.0);
      v.field("groups", groups, 1);
      v.field("activation", activation, {"none", "silu"});
    }
  };

  static Shape output_shape(const NodeTypes &node, const Attributes &attributes);
  static Cost cost(const Tensor *inputs, const Tensor &output, const Attributes &attributes);
};

} // namespace tubelet
