// Unpatchify: element by element in the order of the latents, a row of a segment at a time.
#include "ops/unpatchify.h"
#include "cpu/patch.h"

namespace tubelet::TUBELET_ISA {
namespace {

/// Writes latents [begin, end) of a segment, counted from its start, all of one row of width.
void gather_row(const Tensor &tokens, const Segment &segment, const Patch &patch, int64_t begin,
                int64_t end, float *out) {
  const int64_t row = begin / segment.width, first = begin % segment.width;
  const int64_t h = row % segment.height, frame = row / segment.height;
  const int64_t f = frame % segment.frames, c = frame / segment.frames;
  const int64_t token =
      segment.token_start +
      (f / patch.t * (segment.height / patch.h) + h / patch.h) * (segment.width / patch.w);
  const float *in =
      floats(tokens) + c * patch.by_channel + f % patch.t * patch.by_t + h % patch.h * patch.by_h;
  in += (token + first / patch.w) * tokens.row_stride;
  for (int64_t i = 0, k = first % patch.w; i < end - begin; i++) {
    out[i] = in[k * patch.by_w];
    if (++k == patch.w) {
      k = 0;
      in += tokens.row_stride;
    }
  }
}

/// Writes from element `at` on, at most to `end`; returns where it stopped.
int64_t write_run(const Tensor &tokens, const Tensor &geometry, const Patch &patch, int64_t at,
                  int64_t end, float *out) {
  for (int64_t s = 0; s < geometry.shape[0]; s++) {
    const Segment segment = segment_of(geometry, s);
    const int64_t begin = at - segment.element_start;
    if (begin >= 0 && begin < segment.elements(patch)) {
      const int64_t row_end =
          smaller((begin / segment.width + 1) * segment.width, end - segment.element_start);
      gather_row(tokens, segment, patch, begin, row_end, out + at);
      return segment.element_start + row_end;
    }
    if (begin < 0 && segment.elements(patch) > 0)
      end = smaller(end, segment.element_start);
  }
  for (int64_t e = at; e < end; e++)
    out[e] = 0.0f;
  return end;
}

void run(const KernelCall &call, Pool &pool) {
  const Patch patch = patch_of(*static_cast<const PatchAttributes *>(call.attributes));
  const Tensor &tokens = call.inputs[Unpatchify::tokens];
  const Tensor &geometry = call.inputs[Unpatchify::geometry];
  float *out = floats_out(*call.output);

  parallel_elements(pool, call.output->shape[0], [&](int64_t begin, int64_t end) {
    while (begin < end)
      begin = write_run(tokens, geometry, patch, begin, end, out);
  });
}

constexpr Kernel gather = {"unpatchify.gather", accepts_any, nullptr, nullptr, run};
constexpr const Kernel *list[] = {&gather};

} // namespace

extern const KernelList unpatchify_kernels;
const KernelList unpatchify_kernels = {list, 1};

} // namespace tubelet::TUBELET_ISA
