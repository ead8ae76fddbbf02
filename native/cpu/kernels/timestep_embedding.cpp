// Timestep embedding: float32 arguments, sin and cos in double rounded once.
#include "ops/timestep_embedding.h"
#include "cpu/kernel_support.h"

namespace tubelet::TUBELET_ISA {
namespace {

/// e(x) of the op's formula. Products of two float32 are exact in double, and the ends are 0 and
/// infinity in float32.
float exponential(float x) {
  constexpr float steps = 0x1.715476p+4f, high_step = 0x1.62e43p-5f, low_step = -0x1.05c61p-33f;
  constexpr float square = 0x1.0001ecp-1f, cube = 0x1.55570ap-3f;
  x = x < -150.0f ? -150.0f : x > 150.0f ? 150.0f : x;
  const double k = __builtin_floor((double)(x * steps) + 0.5);
  const float near = (float)((double)x - k * high_step), r = (float)((double)near - k * low_step);
  const float tail = (float)((double)square + (double)cube * r);
  const float p = (float)((double)r + (double)(r * r) * tail);
  const double octave = __builtin_floor(k / 16), power = __builtin_exp2(k / 16 - octave);
  const float high = (float)power, low = (float)(power - high);
  const float rest = (float)((double)low + (double)high * p);
  return (float)__builtin_ldexp((double)(high + rest), (int)octave);
}

void run(const KernelCall &call, Pool &pool) {
  const auto &attributes = *static_cast<const TimestepEmbedding::Attributes *>(call.attributes);
  const float *timestep = floats(call.inputs[TimestepEmbedding::timestep]);
  const int64_t dim = attributes.dim, half = dim / 2;
  const int64_t cos_column = attributes.flip_sin_to_cos ? 0 : half;
  const float rate = (float)-__builtin_log(attributes.max_period);
  const float steps = (float)((double)half - attributes.downscale_freq_shift);
  const float scale = (float)attributes.scale;

  const int64_t work = 16 * dim; // an element costs about as much as 16 copied ones
  parallel_rows(pool, call.output->shape[0], work, [&](int64_t r) {
    float *out = floats_out(*call.output) + r * dim;
    for (int64_t i = 0; i < half; i++) {
      const float exponent = rate * (float)i / steps;
      const float frequency = exponential(exponent);
      const double angle = (double)(scale * (timestep[r] * frequency));
      out[cos_column + i] = (float)__builtin_cos(angle);
      out[half - cos_column + i] = (float)__builtin_sin(angle);
    }
    if (dim % 2 == 1)
      out[dim - 1] = 0.0f;
  });
}

constexpr Kernel rowwise = {"timestep_embedding.rowwise", accepts_any, nullptr, nullptr, run};
constexpr const Kernel *list[] = {&rowwise};

} // namespace

extern const KernelList timestep_embedding_kernels;
const KernelList timestep_embedding_kernels = {list, 1};

} // namespace tubelet::TUBELET_ISA
