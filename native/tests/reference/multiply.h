#pragma once

#include "ops/multiply.h"
#include "tests/reference/reference.h"

namespace tubelet {

template <class Real> Real multiply_element(const ReferenceCall &call, int64_t index) {
  const Tensor &a = call.inputs[Multiply::a], &b = call.inputs[Multiply::b];
  const int64_t row = index / last_of(a), column = index % last_of(a);
  return at<Real>(a, row, column) * at<Real>(b, b.rank < a.rank ? 0 : row, column);
}

} // namespace tubelet
