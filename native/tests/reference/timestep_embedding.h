#pragma once

#include "ops/timestep_embedding.h"
#include "tests/reference/reference.h"

#include <limits>

namespace tubelet {

/// a · b + c, rounded to float32.
inline float timestep_embedding_multiply_add(float a, float b, float c) {
  return float(double(a) * double(b) + double(c));
}

/// e(x) of the op's formula.
inline float timestep_embedding_exponential(float x) {
  const auto multiply_add = timestep_embedding_multiply_add;
  const double step = std::log(2.0) / 16;
  const float high_step = float(step), low_step = float(step - high_step);
  if (std::abs(x) > 150)
    return x < 0 ? 0 : std::numeric_limits<float>::infinity();
  const volatile float steps = x * float(1 / step);
  const float k = float(std::floor(double(steps) + 0.5));
  const float r = multiply_add(-k, low_step, multiply_add(-k, high_step, x));
  const float tail = multiply_add(0.16666992f, r, 0.50001466f);
  const volatile float r_squared = r * r;
  const float p = multiply_add(r_squared, tail, r);
  const double power = std::exp2(k / 16.0);
  const int octave = int(std::floor(k / 16));
  const float high = float(std::ldexp(power, -octave));
  const float low = float(std::ldexp(power, -octave) - high);
  const volatile float sum = high + multiply_add(high, p, low);
  return float(std::ldexp(double(sum), octave));
}

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
      at(call.inputs[TimestepEmbedding::timestep], 0, r) * timestep_embedding_exponential(exponent);
  angle = float(attributes.scale) * angle;
  const bool is_cos = (column < half) == attributes.flip_sin_to_cos;
  return Real(is_cos ? std::cos(double(angle)) : std::sin(double(angle)));
}

} // namespace tubelet
