// Elementwise activation:
//   silu        x / (1 + e^-x)                                    (swish; Hendrycks and Gimpel 2016)
//   gelu_tanh   x/2 · (1 + tanh(sqrt(2/π) · (x + 0.044715·x³)))   (gelu approximate="tanh", gelu_new)
//   gelu_erf    x/2 · (1 + erf(x/√2))                             (gelu)
//   quick_gelu  x / (1 + e^(-1.702·x))                            (CLIP)
//   relu        max(x, 0), NaN stays NaN
//   tanh        tanh(x)
//   x     f32 [...], last axis may be a slice
//   -> y  f32 [...]; may be x itself
#pragma once

#include "ops/activation_kind.h"
#include "ops/op.h"

namespace tubelet {

struct Activation {
  enum Input { x };
  static constexpr InputSpec inputs[] = {{"x"}};

  struct Attributes {
    ActivationKind kind = ActivationKind::silu;

    template <class Visitor> void visit(Visitor &v) {
      v.field("kind", kind, {"gelu_tanh", "gelu_erf", "quick_gelu", "silu", "relu", "tanh"},
              ActivationKind::gelu_tanh);
    }
  };

  static Shape output_shape(const NodeTypes &node, const Attributes &attributes);
  static Cost cost(const Tensor *inputs, const Tensor &output, const Attributes &attributes);
};

} // namespace tubelet
