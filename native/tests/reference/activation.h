#pragma once

#include "ops/activation.h"
#include "tests/reference/reference.h"

namespace tubelet {

template <class Real> Real activate(ActivationKind kind, Real x) {
  switch (kind) {
  case ActivationKind::none:
    return x;
  case ActivationKind::gelu_tanh:
    return Real(0.5) * x *
           (1 + std::tanh(Real(0.79788456080286535588) * (x + Real(0.044715) * x * x * x)));
  case ActivationKind::gelu_erf:
    return Real(0.5) * x * (1 + std::erf(x * Real(0.70710678118654752440)));
  case ActivationKind::quick_gelu:
    return x / (1 + std::exp(Real(-1.702) * x));
  case ActivationKind::silu:
    return x / (1 + std::exp(-x));
  case ActivationKind::relu:
    return x < 0 ? 0 : x;
  case ActivationKind::tanh:
    return std::tanh(x);
  }
  return x;
}

template <class Real> Real activation_element(const ReferenceCall &call, int64_t index) {
  const Tensor &x = call.inputs[Activation::x];
  return activate(call.as<Activation::Attributes>().kind,
                  at<Real>(x, index / last_of(x), index % last_of(x)));
}

} // namespace tubelet
