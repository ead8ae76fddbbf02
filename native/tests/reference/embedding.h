#pragma once

#include "ops/embedding.h"
#include "tests/reference/reference.h"

namespace tubelet {

template <class Real> Real embedding_element(const ReferenceCall &call, int64_t index) {
  const int64_t width = last_of(call.output);
  return at<Real>(call.inputs[Embedding::table],
                  index_at(call.inputs[Embedding::ids], index / width), index % width);
}

} // namespace tubelet
