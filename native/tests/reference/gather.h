#pragma once

#include "ops/gather.h"
#include "tests/reference/reference.h"

namespace tubelet {

template <class Real> Real gather_element(const ReferenceCall &call, int64_t index) {
  const int64_t width = last_of(call.output);
  int64_t row = index_at(call.inputs[Gather::index], index / width);
  for (const Tensor &x : call.inputs.subspan(Gather::x)) {
    if (row < x.shape[0])
      return at<Real>(x, row, index % width);
    row -= x.shape[0];
  }
  return 0;
}

} // namespace tubelet
