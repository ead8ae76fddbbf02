#pragma once

#include "ops/timestep_embedding.h"
#include "tests/reference/reference.h"

namespace tubelet {

/// The arguments are float32 in either Real: the op is defined so.
template <class Real> Real timestep_embedding_element(const ReferenceCall &call, int64_t index) {
  const auto &attributes = call.as<TimestepEmbedding::Attributes>();
  const int64_t half = attributes.dim / 2, r = index / attributes.dim;
  const int64_t column = index % attributes.dim;
  if (column >= 2 * half)
    return 0;
  const int64_t i = column % half;
  volatile float exponent = float(-std::log(attributes.max_period)) * float(i);
  exponent = exponent / float(double(half) - attributes.downscale_freq_shift);
  volatile float angle =
      at(call.inputs[TimestepEmbedding::timestep], 0, r) * float(std::exp(double(exponent)));
  angle = float(attributes.scale) * angle;
  const bool is_cos = (column < half) == attributes.flip_sin_to_cos;
  return Real(is_cos ? std::cos(double(angle)) : std::sin(double(angle)));
}

} // namespace tubelet
