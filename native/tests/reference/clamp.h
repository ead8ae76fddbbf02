#pragma once

#include "ops/clamp.h"
#include "tests/reference/reference.h"

namespace tubelet {

template <class Real> Real clamp_element(const ReferenceCall &call, int64_t index) {
  const auto &attributes = call.as<Clamp::Attributes>();
  const Tensor &x = call.inputs[Clamp::x];
  const Real value = at<Real>(x, index / last_of(x), index % last_of(x));
  const Real low = Real(float(attributes.min)), high = Real(float(attributes.max));
  return value < low ? low : value > high ? high : value;
}

} // namespace tubelet
