// Sinusoidal embedding of timesteps: get_timestep_embedding of diffusers 0.42.1. half = dim / 2:
//   frequency[i] = e(-ln(maxPeriod) · i / (half - downscaleFreqShift))         0 <= i < half
//   angle[i] = scale · (timestep · frequency[i])
//   y = [cos(angle), sin(angle)], or sin first where flipSinToCos is 0; an odd dim ends with a 0
//   timestep  f32 [R], model time (0 to 1000 for most models)
//   -> y      f32 [R, dim]
// Every operation is rounded to float32 as PyTorch does it (in double the angles differ by 3e-5 at
// timestep 999); sin and cos are those of the float32 argument, rounded once. e is exp to 0.53 units
// in the last place, and rounds as PyTorch's on x86 does wherever a golden can tell; a guidance of
// thousands magnifies that. With k = x · 16/ln 2 rounded to a whole number, r = x - k · ln 2/16:
//   e(x) = 2^(k/16) + 2^(k/16) · (r + r² · (0.50001466 + 0.16666992 · r))
// a fused multiply-add at a time, ln 2/16 and the power of two in two float32 each.
// Good for angles up to 1e6.
#pragma once

#include "ops/op.h"

namespace tubelet {

struct TimestepEmbedding {
  enum Input { timestep };
  static constexpr InputSpec inputs[] = {{"timestep"}};

  struct Attributes {
    int64_t dim = 1;
    double max_period = 10000;
    bool flip_sin_to_cos = true;
    double downscale_freq_shift = 0;
    double scale = 1;

    template <class Visitor> void visit(Visitor &v) {
      v.field("dim", dim, 1);
      v.field("maxPeriod", max_period);
      v.field("flipSinToCos", flip_sin_to_cos);
      v.field("downscaleFreqShift", downscale_freq_shift);
      v.field("scale", scale);
    }
  };

  static Shape output_shape(const NodeTypes &node, const Attributes &attributes);
  static Cost cost(const Tensor *inputs, const Tensor &output, const Attributes &attributes);
};

} // namespace tubelet
