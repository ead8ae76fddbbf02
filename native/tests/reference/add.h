#pragma once

#include "ops/add.h"
#include "tests/reference/reference.h"

namespace tubelet {

template <class Real> Real add_element(const ReferenceCall &call, int64_t index) {
  const Tensor &a = call.inputs[Add::a], &b = call.inputs[Add::b];
  const int64_t row = index / last_of(a), column = index % last_of(a);
  return at<Real>(a, row, column) + at<Real>(b, b.rank < a.rank ? 0 : row, column);
}

} // namespace tubelet
