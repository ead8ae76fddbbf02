#pragma once

#include "ops/adaln.h"
#include "tests/reference/layer_norm.h"

namespace tubelet {

template <class Real> Real adaln_element(const ReferenceCall &call, int64_t index) {
  const auto &attributes = call.as<Adaln::Attributes>();
  const Tensor &x = call.inputs[Adaln::x], &modulation = call.inputs[Adaln::modulation];
  const int64_t width = last_of(x), t = index / width, d = index % width;
  const int64_t row = index_at(call.inputs[Adaln::row], t);
  Real y;
  if (attributes.norm == Adaln::Norm::layer)
    y = layer_normed<Real>(x, t, d, attributes.epsilon, last_of(x));
  else {
    Real squares = 0;
    for (int64_t i = 0; i < width; i++)
      squares += at<Real>(x, t, i) * at<Real>(x, t, i);
    y = at<Real>(x, t, d) / std::sqrt(squares / Real(width) + Real(attributes.epsilon));
  }
  return y * (1 + at<Real>(modulation, row, attributes.scale_column + d)) +
         at<Real>(modulation, row, attributes.shift_column + d);
}

} // namespace tubelet
