// Linear layer with everything that may follow it fused:
//   y[t,n] = act(sum_k x[t,k] · weight[n,k] + bias[n])
//   y[t,n] *= modulation[row[t], gateColumn + n]     where modulation is given (adaLN's gate)
//   y[t,n] += residual[t,n]                          where residual is given
//   x           f32 [T, K], last axis may be a slice
//   weight      f32, f16 or bf16 [N, K], PyTorch's nn.Linear
//   bias        f32, f16 or bf16 [N], optional
//   modulation  f32 [R, S], S >= gateColumn + N, optional; needs row
//   row         i32 [T], 0 <= row < R; given exactly when modulation is
//   residual    f32 [T, N], last axis may be a slice, optional
//   -> y        f32 [T, N]; may be residual itself, never x
// activation: none, gelu_tanh, gelu_erf, quick_gelu, silu, relu (activation.h). Products are summed
// in float32 in an order that depends on K alone.
#pragma once

#include "ops/activation_kind.h"
#include "ops/op.h"

namespace tubelet {

struct Linear {
  enum Input { x, weight, bias, modulation, row, residual };
  static constexpr InputSpec inputs[] = {{"x"},
                                         {"weight", InputKind::weight},
                                         {"bias", InputKind::weight, true},
                                         {"modulation", InputKind::activation, true},
                                         {"row", InputKind::index, true},
                                         {"residual", InputKind::activation, true}};

  struct Attributes {
    ActivationKind activation = ActivationKind::none;
    int64_t gate_column = 0;

    template <class Visitor> void visit(Visitor &v) {
      v.field("activation", activation,
              {"none", "gelu_tanh", "gelu_erf", "quick_gelu", "silu", "relu"});
      v.field("gateColumn", gate_column);
    }
  };

  static Shape output_shape(const NodeTypes &node, const Attributes &attributes);
  static Cost cost(const Tensor *inputs, const Tensor &output, const Attributes &attributes);
  static void check_data(const Tensor *inputs, const Tensor &output, const Attributes &attributes);
};

} // namespace tubelet
