// The activations, on vectors. Formulas and sources: ops/activation.h.
#pragma once

#include "cpu/simd.h"
#include "ops/activation_kind.h"

namespace tubelet::TUBELET_ISA {
namespace {

/// Any kind but tanh, which is no epilogue.
inline Vec activate(ActivationKind kind, Vec x) {
  switch (kind) {
  case ActivationKind::gelu_tanh:
    return gelu_tanh(x);
  case ActivationKind::gelu_erf:
    return gelu_erf(x);
  case ActivationKind::quick_gelu:
    return quick_gelu(x);
  case ActivationKind::silu:
    return silu(x);
  case ActivationKind::relu:
    return relu(x);
  case ActivationKind::none:
  case ActivationKind::tanh:
    return x;
  }
  return x;
}

} // namespace
} // namespace tubelet::TUBELET_ISA
