// Convolution as an indirect matrix product: an output pixel is a row of A whose pieces, one per tap,
// are read where they lie in x, the cache, or a row of zeros. So stride, padding, the streaming cache
// and nearest upsampling are only pointers, and nothing is unrolled into columns.
#include "ops/convolution.h"
#include "cpu/epilogue.h"

namespace tubelet::TUBELET_ISA {
namespace {

constexpr int64_t block_tiles = 8;
constexpr int64_t block_pixels = block_tiles * tile_rows;

struct Geometry {
  const Convolution::Attributes &attributes;
  const Tensor &x, &weight, &cache, &output;

  int64_t taps() const { return weight.shape[2] * weight.shape[3] * weight.shape[4]; }
  int64_t depth() const { return weight.shape[1]; }
  int64_t columns() const { return weight.shape[0]; }
};

/// Per thread: the tiles' sums and their lists of taps.
struct Workspace {
  float *sums;
  Tap *taps;
  int64_t *tap_counts;

  static size_t bytes(int64_t taps) {
    return block_pixels * panel_width * sizeof(float) +
           (size_t)(block_tiles * taps) * sizeof(Tap) + block_tiles * sizeof(int64_t);
  }
  Workspace(void *scratch, int64_t taps, int thread) {
    char *start = (char *)scratch + (size_t)thread * bytes(taps);
    sums = (float *)start;
    this->taps = (Tap *)(start + block_pixels * panel_width * sizeof(float));
    tap_counts = (int64_t *)(this->taps + block_tiles * taps);
  }
};

const char *accepts(const NodeSpec &node) {
  return node.is_weight[Convolution::weight] ? nullptr : "weight must be constant to be packed";
}

size_t zero_row_bytes(int64_t depth) { return (size_t)ceil_div(depth, 16) * 64; }

void plan(const NodeSpec &node, KernelNeeds &needs) {
  const Tensor &weight = node.inputs[Convolution::weight];
  const int64_t taps = weight.shape[2] * weight.shape[3] * weight.shape[4];
  needs.weight_form[Convolution::weight] = WeightForm::packed;
  needs.packed_bytes[Convolution::weight] =
      sizeof(float) * (size_t)(Panels{weight.shape[0]}.padded() * weight.shape[1] * taps);
  needs.scratch_bytes =
      zero_row_bytes(weight.shape[1]) + (size_t)node.threads * Workspace::bytes(taps);
}

/// [Co, Ci, taps] to panels of [taps, Ci] rows.
void pack(const NodeSpec &node, int, const WeightRows &rows, void *packed) {
  const Tensor &weight = node.inputs[Convolution::weight];
  const int64_t depth = weight.shape[1];
  const int64_t taps = weight.shape[2] * weight.shape[3] * weight.shape[4];
  const Panels panels{weight.shape[0]};
  for (int64_t row = 0; row < rows.rows; row++) {
    const int64_t n = rows.first_row + row, panel = n / panel_width;
    float *to = (float *)packed + panels.offset(panel, depth * taps) + n % panel_width;
    for (int64_t c = 0; c < depth; c++)
      for (int64_t tap = 0; tap < taps; tap++)
        to[(tap * depth + c) * panels.width(panel)] =
            stored_value(rows.data, rows.dtype, row * rows.row_elements + c * taps + tap);
  }
}

/// Start of x̃[frame], or null for a frame of zeros.
inline const float *frame_of(const Geometry &g, int64_t frame) {
  const int64_t frame_floats = g.x.shape[1] * g.x.shape[2] * g.x.shape[3];
  const int64_t cached = g.cache.data ? g.cache.shape[0] : 0;
  const int64_t zeros = g.attributes.pad_front - cached;
  if (frame < zeros)
    return nullptr;
  if (frame < g.attributes.pad_front)
    return floats(g.cache) + (frame - zeros) * frame_floats;
  return floats(g.x) + (frame - g.attributes.pad_front) * frame_floats;
}

/// The taps of `rows` output pixels from `first` on; taps that meet only zeros are left out.
inline int64_t collect_taps(const Geometry &g, int64_t first, int rows, const float *zeros,
                            Tap *taps) {
  const auto &a = g.attributes;
  const int64_t out_h = g.output.shape[1], out_w = g.output.shape[2];
  const int64_t high = g.x.shape[1] * a.upsample, wide = g.x.shape[2] * a.upsample;
  const int64_t row_floats = g.x.shape[2] * g.depth();
  int64_t f[tile_rows], h[tile_rows], w[tile_rows];
  for (int r = 0; r < rows; r++) {
    const int64_t pixel = first + r;
    w[r] = pixel % out_w * a.stride_w - a.pad_left;
    h[r] = pixel / out_w % out_h * a.stride_h - a.pad_top;
    f[r] = pixel / (out_w * out_h) * a.stride_t;
  }
  int64_t count = 0, index = 0;
  for (int64_t i = 0; i < g.weight.shape[2]; i++)
    for (int64_t j = 0; j < g.weight.shape[3]; j++)
      for (int64_t k = 0; k < g.weight.shape[4]; k++, index++) {
        bool is_zero = true;
        for (int r = 0; r < rows; r++) {
          const int64_t y = h[r] + j, x = w[r] + k;
          const bool is_inside = y >= 0 && y < high && x >= 0 && x < wide;
          const float *frame = is_inside ? frame_of(g, f[r] + i) : nullptr;
          is_zero &= frame == nullptr;
          taps[count].rows[r] =
              frame ? frame + y / a.upsample * row_floats + x / a.upsample * g.depth() : zeros;
        }
        taps[count].first = index * g.depth();
        count += !is_zero;
      }
  return count;
}

void run(const KernelCall &call, Pool &pool) {
  const Tensor *in = call.inputs;
  const Geometry g{*static_cast<const Convolution::Attributes *>(call.attributes),
                   in[Convolution::x], in[Convolution::weight], in[Convolution::cache],
                   *call.output};
  const int64_t pixels = rows_of(g.output), columns = g.columns(), depth = g.depth();
  const int64_t taps = g.taps();
  const Panels panels{columns};
  const Tensor &bias = in[Convolution::bias], &residual = in[Convolution::residual];
  float *zeros = (float *)call.scratch;
  __builtin_memset(zeros, 0, zero_row_bytes(depth));
  char *workspaces = (char *)call.scratch + zero_row_bytes(depth);

  const int64_t blocks = ceil_div(pixels, block_pixels);
  const int64_t groups =
      larger(1, smaller(panels.count(), ceil_div(8 * pool.threads, larger(1, blocks))));
  parallel(pool, blocks * groups, [&](int64_t task, int thread) {
    const int64_t block = task / groups, group = task % groups;
    const Workspace space(workspaces, taps, thread);
    const int64_t first = block * block_pixels, end = smaller(pixels, first + block_pixels);
    for (int64_t p = first, i = 0; p < end; p += tile_rows, i++)
      space.tap_counts[i] = collect_taps(g, p, (int)smaller(tile_rows, end - p), zeros,
                                         space.taps + i * taps);
    for (int64_t panel = group * panels.count() / groups;
         panel < (group + 1) * panels.count() / groups; panel++) {
      const float *b = floats(g.weight) + panels.offset(panel, depth * taps);
      const int64_t column = panel * panel_width, valid = smaller(panel_width, columns - column);
      for (int64_t p = first, i = 0; p < end; p += tile_rows, i++) {
        const int rows = (int)smaller(tile_rows, end - p);
        multiply_tile(rows, space.taps + i * taps, space.tap_counts[i], depth, b,
                      panels.width(panel) / lanes, space.sums, false);
        for (int r = 0; r < rows; r++) {
          const int64_t at = (p + r) * columns + column;
          finish_row(space.sums + r * panel_width, bias.data ? floats(bias) + column : nullptr,
                     g.attributes.activation,
                     {nullptr, residual.data ? floats(residual) + at : nullptr,
                      floats_out(*call.output) + at},
                     valid);
        }
      }
    }
  });
}

constexpr Kernel indirect = {"convolution.indirect", accepts, plan, pack, run};
constexpr const Kernel *list[] = {&indirect};

} // namespace

extern const KernelList convolution_kernels;
const KernelList convolution_kernels = {list, 1};

} // namespace tubelet::TUBELET_ISA
