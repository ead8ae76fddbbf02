// Timestep embedding: float32 arguments, functions in double rounded once.
#include "ops/timestep_embedding.h"
#include "cpu/kernel_support.h"

namespace tubelet::TUBELET_ISA {
namespace {

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
      const float frequency = (float)__builtin_exp((double)exponent);
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
