// Patchify: token by token; neighbours along w share the cache lines they read.
#include "ops/patchify.h"
#include "cpu/patch.h"

namespace tubelet::TUBELET_ISA {
namespace {

void gather_token(const float *latents, const Segment &segment, const Patch &patch, int64_t token,
                  float *out) {
  const int64_t columns = segment.width / patch.w, rows = segment.height / patch.h;
  const int64_t w = token % columns * patch.w, h = token / columns % rows * patch.h;
  const int64_t f = token / columns / rows * patch.t;
  for (int64_t c = 0; c < patch.channels; c++)
    for (int64_t i = 0; i < patch.t; i++)
      for (int64_t j = 0; j < patch.h; j++) {
        const int64_t frame = c * segment.frames + f + i;
        const float *in = latents + (frame * segment.height + h + j) * segment.width + w;
        float *to = out + c * patch.by_channel + i * patch.by_t + j * patch.by_h;
        for (int64_t k = 0; k < patch.w; k++)
          to[k * patch.by_w] = in[k];
      }
}

void run(const KernelCall &call, Pool &pool) {
  const Patch patch = patch_of(*static_cast<const PatchAttributes *>(call.attributes));
  const float *latents = floats(call.inputs[Patchify::latents]);
  const Tensor &geometry = call.inputs[Patchify::geometry];
  const int64_t width = call.output->shape[1];

  parallel_rows(pool, call.output->shape[0], width, [&](int64_t t) {
    float *out = floats_out(*call.output) + t * width;
    for (int64_t s = 0; s < geometry.shape[0]; s++) {
      const Segment segment = segment_of(geometry, s);
      const int64_t token = t - segment.token_start;
      if (token >= 0 && token < segment.tokens(patch))
        return gather_token(latents + segment.element_start, segment, patch, token, out);
    }
    for (int64_t d = 0; d < width; d++)
      out[d] = 0.0f;
  });
}

constexpr Kernel gather = {"patchify.gather", accepts_any, nullptr, nullptr, run};
constexpr const Kernel *list[] = {&gather};

} // namespace

extern const KernelList patchify_kernels;
const KernelList patchify_kernels = {list, 1};

} // namespace tubelet::TUBELET_ISA
