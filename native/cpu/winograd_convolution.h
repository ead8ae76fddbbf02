// Convolutions of 3x3 in space by Winograd's filtering, in float32: the input's tiles are transformed
// once for all outputs, each of the 36 positions is a matrix product over channels and taps in time, and
// the sums are transformed back while they lie in L2. An output tile is computed alone, so its bytes
// depend on nothing but its input.
#pragma once

#include "cpu/convolution_source.h"
#include "cpu/epilogue.h"
#include "cpu/winograd.h"

namespace tubelet::TUBELET_ISA::winograd {
namespace {

/// Where the stores of a tile's 36 positions would fall into one set of the cache, this parts them.
constexpr int64_t line = 16;

/// Holds 3x3x3 kernels of 512 channels (113 MB), not those of 1,024.
constexpr size_t most_weight_bytes = 128 << 20;

/// Channels that are summed at once: sums of sums, so that the error stays below that of the plain sum.
int64_t summed_at_once(int64_t channels) { return channels < 48 ? 8 : smaller(128, channels / 2); }

/// How an output is cut: tiles of 4x4 pixels, blocks of tiles, groups of panels.
struct Cut {
  int64_t wide, tiles, block_tiles, blocks, groups;
};

Cut cut_of(const Tensor &weight, const Tensor &output, int threads) {
  constexpr int64_t most_floats = 1 << 21; ///< of a block's transformed input
  // Few channels: what is transformed should stay in L2. Many: weights pass once for many tiles.
  const int64_t most_rows = larger(16, smaller(64, weight.shape[1] / 8)) / tile_rows;
  Cut cut;
  cut.wide = ceil_div(output.shape[2], tile_out);
  cut.tiles = ceil_div(output.shape[1], tile_out) * cut.wide;
  const int64_t row_tiles = ceil_div(cut.tiles, tile_rows);
  const int64_t tile_floats = positions * weight.shape[1] * weight.shape[2];
  const int64_t fitting = larger(1, smaller(most_rows, most_floats / tile_floats / tile_rows));
  const int64_t frames = weight.shape[2] == 1 ? output.shape[0] : 1;
  const int64_t wanted = ceil_div(threads, frames);
  cut.blocks = smaller(row_tiles, larger(ceil_div(row_tiles, fitting), wanted));
  cut.block_tiles = ceil_div(row_tiles, cut.blocks) * tile_rows;
  cut.blocks = ceil_div(cut.tiles, cut.block_tiles);
  cut.groups = smaller(Panels{weight.shape[0]}.count(), ceil_div(wanted, cut.blocks));
  return cut;
}

/// Per thread: transformed input of the frames that an output frame needs, [kt][36][tiles][Ci], and a
/// panel's sums, [36][tiles][panel_width].
struct Workspace {
  int64_t position_floats, sum_floats;
  float *input, *sums;

  static int64_t input_floats(const Tensor &weight, const Cut &cut) {
    return ceil_div(cut.block_tiles * weight.shape[1], line) * line + line;
  }
  static int64_t floats(const Tensor &weight, const Cut &cut) {
    return positions *
           (weight.shape[2] * input_floats(weight, cut) + cut.block_tiles * panel_width + line);
  }
  Workspace(float *scratch, const Tensor &weight, const Cut &cut, int thread)
      : position_floats(input_floats(weight, cut)),
        sum_floats(cut.block_tiles * panel_width + line),
        input(scratch + thread * floats(weight, cut)),
        sums(input + weight.shape[2] * positions * position_floats) {}
  float *slot(int64_t index) const { return input + index * positions * position_floats; }
};

/// Four times those of the direct product.
size_t weight_bytes(const Tensor &weight) {
  return sizeof(float) *
         (size_t)(Panels{weight.shape[0]}.padded() * positions * weight.shape[1] * weight.shape[2]);
}

/// Null where the transforms cost less than the products they save, and the weights stay moderate.
const char *suits(const NodeSpec &node) {
  const auto &a = *static_cast<const Convolution::Attributes *>(node.attributes);
  const Tensor &weight = node.inputs[Convolution::weight], &y = *node.output;
  if (weight.shape[3] != 3 || weight.shape[4] != 3)
    return "the kernel is not 3x3 in space";
  if (a.stride_t != 1 || a.stride_h != 1 || a.stride_w != 1)
    return "it has a stride";
  if (weight.shape[1] < 24 || weight.shape[1] * weight.shape[2] < 32)
    return "it has few input channels";
  if (weight_bytes(weight) > most_weight_bytes)
    return "its weights would take too much memory";
  const int64_t tiles = ceil_div(y.shape[1], tile_out) * ceil_div(y.shape[2], tile_out);
  if (2 * y.shape[1] * y.shape[2] < tiles * tile_out * tile_out)
    return "pictures are smaller than tiles";
  return nullptr;
}

const char *accepts(const NodeSpec &node) {
  if (!node.is_weight[Convolution::weight])
    return "weight must be constant to be packed";
  return suits(node);
}

void plan(const NodeSpec &node, KernelNeeds &needs) {
  const Tensor &weight = node.inputs[Convolution::weight];
  const Cut cut = cut_of(weight, *node.output, node.threads);
  needs.weight_form[Convolution::weight] = WeightForm::packed;
  needs.packed_bytes[Convolution::weight] = weight_bytes(weight);
  needs.scratch_bytes =
      source_bytes<F32>(node.inputs[Convolution::x], node.inputs[Convolution::cache]) +
      sizeof(float) * (size_t)(node.threads * Workspace::floats(weight, cut));
}

/// [Co, Ci, kt, 3, 3] to panels of [36, kt, Ci] rows. Some channels at a time: an element of every
/// position is written for each, and a line is whole only after 16 rows.
void pack(const NodeSpec &node, int, const WeightRows &rows, void *packed) {
  constexpr int64_t some = 64;
  const Tensor &weight = node.inputs[Convolution::weight];
  const int64_t channels = weight.shape[1], taps = weight.shape[2], depth = taps * channels;
  const Panels panels{weight.shape[0]};
  for (int64_t begin = 0; begin < channels; begin += some)
    for (int64_t row = 0; row < rows.rows; row++) {
      const int64_t n = rows.first_row + row, panel = panels.panel_of(n);
      const int64_t width = panels.width(panel);
      float *to =
          (float *)packed + panels.offset(panel, positions * depth) + (n - panels.start(panel));
      for (int64_t c = begin; c < smaller(channels, begin + some); c++)
        for (int64_t tap = 0; tap < taps; tap++) {
          double g[9];
          for (int i = 0; i < 9; i++)
            g[i] = stored_value(rows.data, rows.dtype,
                                row * rows.row_elements + (c * taps + tap) * 9 + i);
          float u[positions];
          transform_filter(g, u);
          for (int64_t i = 0; i < positions; i++)
            to[(i * depth + tap * channels + c) * width] = u[i];
        }
    }
}

/// One output tile and its place.
struct Tile {
  int64_t frame, top, left;
};

/// The 6x6 pixels of x̃[frame] that an output tile needs.
void collect_pixels(const Geometry<F32> &g, int64_t frame, const Tile &tile,
                    const float *(&pixels)[positions]) {
  const Pixels<F32> from = frame_of(g, frame);
  const int64_t top = tile.top - g.attributes.pad_top, left = tile.left - g.attributes.pad_left;
  for (int i = 0; i < positions; i++)
    pixels[i] = pixel_of(g, from, top + i / tile_in, left + i % tile_in);
}

void transform_tile(const float *const (&pixels)[positions], int64_t depth, float *to,
                    int64_t stride) {
  for_row(depth, [&](int64_t c, auto access) {
    Vec half[tile_in][tile_in];
    for (int k = 0; k < tile_in; k++) {
      Vec d[tile_in], v[tile_in];
      for (int i = 0; i < tile_in; i++)
        d[i] = access.load(pixels[i * tile_in + k] + c);
      transform_input(d, v);
      for (int i = 0; i < tile_in; i++)
        half[i][k] = v[i];
    }
    for (int i = 0; i < tile_in; i++) {
      Vec v[tile_in];
      transform_input(half[i], v);
      for (int k = 0; k < tile_in; k++)
        access.store(to + (i * tile_in + k) * stride + c, v[k]);
    }
  });
}

/// A vector of columns of a tile's outputs, y[4 · row + column].
void transform_sums(const float *sums, int64_t stride, Vec (&y)[tile_out * tile_out]) {
  Vec half[tile_out][tile_in];
  for (int k = 0; k < tile_in; k++) {
    Vec m[tile_in], part[tile_out];
    for (int i = 0; i < tile_in; i++)
      m[i] = load(sums + (i * tile_in + k) * stride);
    transform_output(m, part);
    for (int i = 0; i < tile_out; i++)
      half[i][k] = part[i];
  }
  for (int i = 0; i < tile_out; i++) {
    Vec part[tile_out];
    transform_output(half[i], part);
    for (int k = 0; k < tile_out; k++)
      y[i * tile_out + k] = part[k];
  }
}

bool is_finite(const Vec (&y)[tile_out * tile_out]) {
  Vec zeros{};
  for (Vec v : y)
    zeros += v * 0.0f;
  return !has_nan(zeros);
}

/// The same outputs from the definition: transforms would spread what is not finite over the tile.
__attribute__((noinline)) void convolve_plainly(const Geometry<F32> &g, const Tile &tile,
                                                const float *u, int64_t width,
                                                Vec (&y)[tile_out * tile_out]) {
  const int64_t channels = g.source.depth, taps = g.weight.shape[2];
  for (Vec &v : y)
    v = Vec{};
  for (int64_t tap = 0; tap < taps; tap++) {
    const float *pixels[positions];
    collect_pixels(g, tile.frame + tap, tile, pixels);
    for (int64_t c = 0; c < channels; c++)
      for (int jk = 0; jk < 9; jk++) {
        const int j = jk / 3, k = jk % 3;
        const Vec weight =
            filter_element(u + (tap * channels + c) * width, taps * channels * width, j, k);
        for (int i = 0; i < tile_out * tile_out; i++) {
          const float x = pixels[(i / tile_out + j) * tile_in + i % tile_out + k][c];
          y[i] = fma(broadcast(x), weight, y[i]);
        }
      }
  }
}

struct Epilogue {
  const Tensor &output;
  const float *bias, *residual;
  int64_t residual_stride;
  ActivationKind activation;
};

/// Stores a vector of columns of a tile, from `column` on; what lies beyond the picture is left out.
template <class Access>
void finish_tile(const Epilogue &e, const Tile &tile, const Vec (&y)[tile_out * tile_out],
                 int64_t column, Access access) {
  const int64_t high = e.output.shape[1], wide = e.output.shape[2], columns = e.output.shape[3];
  const Vec bias = e.bias ? access.load(e.bias + column) : Vec{};
  for (int64_t i = 0; i < smaller(tile_out, high - tile.top); i++)
    for (int64_t k = 0; k < smaller(tile_out, wide - tile.left); k++) {
      const int64_t pixel = (tile.frame * high + tile.top + i) * wide + tile.left + k;
      Vec v = activate(e.activation, y[i * tile_out + k] + bias);
      if (e.residual)
        v += access.load(e.residual + pixel * e.residual_stride + column);
      access.store(floats_out(e.output) + pixel * columns + column, v);
    }
}

/// What a task does: some tiles of a frame.
struct Block {
  const Geometry<F32> &g;
  const Epilogue &epilogue;
  Workspace space;
  Panels panels;
  int64_t wide, first, tiles;

  int64_t channels() const { return g.source.depth; }
  int64_t taps() const { return g.weight.shape[2]; }
  Tile tile_at(int64_t frame, int64_t index) const {
    return {frame, (first + index) / wide * tile_out, (first + index) % wide * tile_out};
  }
  const float *weights(int64_t panel) const {
    return (const float *)g.weight.data + panels.offset(panel, positions * taps() * channels());
  }
};

/// Transforms the tiles of x̃[frame]. Each step of a block is a function of its own, so that one does not
/// take the other's registers.
__attribute__((noinline)) void transform_frame(const Block &block, int64_t frame) {
  if (!frame_of(block.g, frame).start)
    return;
  float *to = block.space.slot(frame % block.taps());
  for (int64_t i = 0; i < block.tiles; i++) {
    const float *pixels[positions];
    collect_pixels(block.g, frame, block.tile_at(frame, i), pixels);
    transform_tile(pixels, block.channels(), to + i * block.channels(),
                   block.space.position_floats);
  }
}

/// The sums of a panel at one position.
__attribute__((noinline)) void multiply_position(const Block &block, int64_t frame, int64_t panel,
                                                 int64_t position) {
  const int64_t channels = block.channels(), taps = block.taps(), width = block.panels.width(panel);
  const int64_t part = summed_at_once(channels);
  const float *u = block.weights(panel) + position * taps * channels * width;
  float *sums = block.space.sums + position * block.space.sum_floats;
  for (int64_t row = 0; row < block.tiles; row += tile_rows, sums += tile_rows * panel_width) {
    const int rows = (int)smaller(tile_rows, block.tiles - row);
    bool is_first = true;
    for (int64_t t = 0; t < taps; t++) {
      if (!frame_of(block.g, frame + t).start)
        continue;
      const float *v = block.space.slot((frame + t) % taps) +
                       position * block.space.position_floats + row * channels;
      for (int64_t c = 0; c < channels; c += part, is_first = false) {
        Tap<F32> tap;
        for (int r = 0; r < rows; r++)
          tap.rows[r] = v + r * channels + c;
        tap.first = t * channels + c;
        multiply_tile<F32>(rows, &tap, 1, smaller(part, channels - c), u, width / lanes, sums,
                           !is_first);
      }
    }
    if (is_first)
      __builtin_memset(sums, 0, sizeof(float) * (size_t)(rows * panel_width));
  }
}

__attribute__((noinline)) void finish_panel(const Block &block, int64_t frame, int64_t panel) {
  const int64_t first = block.panels.start(panel), width = block.panels.width(panel);
  for (int64_t i = 0; i < block.tiles; i++) {
    const Tile tile = block.tile_at(frame, i);
    for_row(smaller(width, block.panels.columns - first), [&](int64_t n, auto access) {
      Vec y[tile_out * tile_out];
      transform_sums(block.space.sums + i * panel_width + n, block.space.sum_floats, y);
      if (!is_finite(y))
        convolve_plainly(block.g, tile, block.weights(panel) + n, width, y);
      finish_tile(block.epilogue, tile, y, first + n, access);
    });
  }
}

void run(const KernelCall &call, Pool &pool) {
  const Geometry<F32> g = geometry_of<F32>(call, pool);
  const Tensor &bias = call.inputs[Convolution::bias];
  const Tensor &residual = call.inputs[Convolution::residual];
  const Epilogue epilogue{*call.output, bias.data ? floats(bias) : nullptr,
                          residual.data ? floats(residual) : nullptr, residual.row_stride,
                          g.attributes.activation};
  const Panels panels{g.columns()};
  const Cut cut = cut_of(g.weight, g.output, pool.threads);
  auto *scratch = (float *)((char *)call.scratch + source_bytes<F32>(g.x, g.cache));

  // With taps in time, a task keeps the transformed frames that the next output frame needs again.
  const int64_t taps = g.weight.shape[2], frames = g.output.shape[0];
  const int64_t runs = taps == 1 ? frames : 1, run_frames = frames / runs;
  parallel(pool, runs * cut.blocks * cut.groups, [&](int64_t task, int thread) {
    const int64_t group = task % cut.groups, index = task / cut.groups % cut.blocks;
    const int64_t first_frame = task / cut.groups / cut.blocks;
    const int64_t first = index * cut.block_tiles;
    const Block block{g,        epilogue, Workspace(scratch, g.weight, cut, thread),  panels,
                      cut.wide, first,    smaller(cut.block_tiles, cut.tiles - first)};
    int64_t ready = first_frame; // frames of x̃ before this one are transformed
    for (int64_t frame = first_frame; frame < first_frame + run_frames; frame++) {
      for (; ready < frame + taps; ready++)
        transform_frame(block, ready);
      for (int64_t panel = group * panels.count() / cut.groups;
           panel < (group + 1) * panels.count() / cut.groups; panel++) {
        for (int64_t position = 0; position < positions; position++)
          multiply_position(block, frame, panel, position);
        finish_panel(block, frame, panel);
      }
    }
  });
}

} // namespace
} // namespace tubelet::TUBELET_ISA::winograd
