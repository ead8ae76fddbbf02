// Group norm (Wu and He 2018) over height, width and the channels of one group, every frame for itself:
//   y = activation((x - mean) / sqrt(variance + epsilon) * weight[c] + bias[c])
// with mean and variance of H·W·C/groups elements. To normalise over time too, reshape x to
// [1, F·H, W, C]. activation: none, gelu_tanh, gelu_erf, quick_gelu, silu, relu (activation.h).
//   x       f32 [F, H, W, C], last axis may be a slice
//   weight  f32 [C], optional (1)
//   bias    f32 [C], optional (0)
//   -> y    f32 [F, H, W, C]; may be x itself
#pragma once

#include "ops/activation_kind.h"
#include "ops/op.h"

namespace tubelet {

struct GroupNorm {
  enum Input { x, weight, bias };
  static constexpr InputSpec inputs[] = {
      {"x"}, {"weight", InputKind::activation, true}, {"bias", InputKind::activation, true}};

  struct Attributes {
    int64_t groups = 1;
    double epsilon = 1e-6;
    ActivationKind activation = ActivationKind::none;

    template <class Visitor> void visit(Visitor &v) {
      v.field("groups", groups, 1);
      v.field("epsilon", epsilon, 0.0);
      v.field("activation", activation,
              {"none", "gelu_tanh", "gelu_erf", "quick_gelu", "silu", "relu"});
    }
  };

  static Shape output_shape(const NodeTypes &node, const Attributes &attributes);
  static Cost cost(const Tensor *inputs, const Tensor &output, const Attributes &attributes);
};

} // namespace tubelet
