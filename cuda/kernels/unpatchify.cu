// Unpatchify: a thread per latent, which looks for its segment in the table.
#include "ops/unpatchify.h"
#include "patch.cuh"

namespace tubelet::cuda {
namespace {

constexpr const char *name = "unpatchify.gather";

__global__ void unpatchify(const PatchNode node) {
  const Patch &patch = node.patch;
  each_item(node.elements, [&](uint32_t item) {
    float value = 0.0f;
    for (uint32_t s = 0; s < node.segments; s++) {
      const Segment segment(node.geometry + 5 * s);
      const uint32_t e = item - segment.element_start; // huge before the start
      if (e >= segment.elements(patch))
        continue;
      const uint32_t w = e % segment.width, h = e / segment.width % segment.height;
      const uint32_t frame = e / segment.width / segment.height;
      const uint32_t f = frame % segment.frames, c = frame / segment.frames;
      const uint32_t rows = segment.height / patch.h, columns = segment.width / patch.w;
      const uint32_t token =
          segment.token_start + (f / patch.t * rows + h / patch.h) * columns + w / patch.w;
      value = node.x[token * node.x_stride + c * patch.by_channel + f % patch.t * patch.by_t +
                     h % patch.h * patch.by_h + w % patch.w * patch.by_w];
      break;
    }
    node.y[item] = value;
  });
}

void run(const KernelCall &call, Pool &pool) {
  launch_patch(pool, name,
               {call, call.inputs[Unpatchify::tokens], call.inputs[Unpatchify::geometry]},
               unpatchify);
}

constexpr Kernel kernel = {name, accepts_flat, nullptr, nullptr, run};
constexpr const Kernel *list[] = {&kernel};

} // namespace

extern const KernelList unpatchify_kernels;
const KernelList unpatchify_kernels = {list, 1};

} // namespace tubelet::cuda
