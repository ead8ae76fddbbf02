#pragma once

#include "ops/rotary.h"
#include "tests/reference/reference.h"

namespace tubelet {

template <class Real> Real rotary_element(const ReferenceCall &call, int64_t index) {
  const auto &attributes = call.as<Rotary::Attributes>();
  const Tensor &x = call.inputs[Rotary::x];
  const int64_t t = index / last_of(x), column = index % last_of(x);
  const int64_t d = column % attributes.head_dim, head = column - d;
  const int64_t pairs = call.inputs[Rotary::cos].shape[1];
  if (d >= 2 * pairs)
    return at<Real>(x, t, column);
  const bool is_interleaved = attributes.layout == Rotary::Layout::interleaved;
  const int64_t i = is_interleaved ? d / 2 : d % pairs;
  const int64_t a = is_interleaved ? 2 * i : i, b = is_interleaved ? 2 * i + 1 : i + pairs;
  const Real cos = at<Real>(call.inputs[Rotary::cos], t, i);
  const Real sin = at<Real>(call.inputs[Rotary::sin], t, i);
  if (d == a)
    return at<Real>(x, t, head + a) * cos - at<Real>(x, t, head + b) * sin;
  return at<Real>(x, t, head + b) * cos + at<Real>(x, t, head + a) * sin;
}

} // namespace tubelet
