// The activations, on vectors. Formulas and sources: ops/activation.h.
#pragma once

#include "cpu/simd.h"
#include "ops/activation_kind.h"

namespace tubelet::TUBELET_ISA {
namespace {

/// erf(x) within 4e-7: an odd rational function on [-4, 4], where it reaches ±1 in float32.
inline Vec erf(Vec x) {
  Vec inside = min(max(x, broadcast(-4.0f)), broadcast(4.0f));
  Vec square = inside * inside;
  Vec p = broadcast(-2.72614225801306e-10f);
  p = fma(p, square, broadcast(2.77068142495902e-08f));
  p = fma(p, square, broadcast(-2.10102402082508e-06f));
  p = fma(p, square, broadcast(-5.69250639462346e-05f));
  p = fma(p, square, broadcast(-7.34990630326855e-04f));
  p = fma(p, square, broadcast(-2.95459980854025e-03f));
  p = fma(p, square, broadcast(-1.60960333262415e-02f));
  Vec q = broadcast(-1.45660718464996e-05f);
  q = fma(q, square, broadcast(-2.13374055278905e-04f));
  q = fma(q, square, broadcast(-1.68282697438203e-03f));
  q = fma(q, square, broadcast(-7.37332916720468e-03f));
  q = fma(q, square, broadcast(-1.42647390514189e-02f));
  Vec y = inside * p / q;
  return select(x == x, y, x);
}

inline Vec gelu_erf(Vec x) { return 0.5f * x * (1.0f + erf(x * 0.70710678118654752f)); }
inline Vec relu(Vec x) { return select(x < 0.0f, Vec{}, x); }

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
