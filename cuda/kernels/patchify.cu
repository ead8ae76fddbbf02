// Patchify: a thread per element of a token, which looks for its segment in the table.
#include "ops/patchify.h"
#include "patch.cuh"

namespace tubelet::cuda {
namespace {

constexpr const char *name = "patchify.gather";

/// Element d of a token, in its order, as its place in the patch.
struct Place {
  uint32_t c, i, j, k;

  __device__ Place(const Patch &patch, uint32_t d)
      : c(d / patch.by_channel % patch.channels), i(d / patch.by_t % patch.t),
        j(d / patch.by_h % patch.h), k(d / patch.by_w % patch.w) {}
};

__global__ void patchify(const PatchNode node) {
  const Patch &patch = node.patch;
  const uint32_t width = patch.channels * patch.t * patch.h * patch.w;
  each_item(node.elements, [&](uint32_t item) {
    const uint32_t t = item / width;
    float value = 0.0f;
    for (uint32_t s = 0; s < node.segments; s++) {
      const Segment segment(node.geometry + 5 * s);
      const uint32_t token = t - segment.token_start; // huge before the start
      if (token >= segment.tokens(patch))
        continue;
      const Place at(patch, item % width);
      const uint32_t columns = segment.width / patch.w, rows = segment.height / patch.h;
      const uint32_t w = token % columns * patch.w + at.k;
      const uint32_t h = token / columns % rows * patch.h + at.j;
      const uint32_t f = token / columns / rows * patch.t + at.i;
      value = node.x[segment.element_start +
                     ((at.c * segment.frames + f) * segment.height + h) * segment.width + w];
      break;
    }
    node.y[item] = value;
  });
}

void run(const KernelCall &call, Pool &pool) {
  launch_patch(pool, name, {call, call.inputs[Patchify::latents], call.inputs[Patchify::geometry]},
               patchify);
}

constexpr Kernel kernel = {name, accepts_flat, nullptr, nullptr, run};
constexpr const Kernel *list[] = {&kernel};

} // namespace

extern const KernelList patchify_kernels;
const KernelList patchify_kernels = {list, 1};

} // namespace tubelet::cuda
