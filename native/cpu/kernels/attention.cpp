// Attention with an online softmax (Milakov and Gimelshein 2018; FlashAttention, Dao et al. 2022): a
// block of query rows meets the keys tile by tile, so no score matrix larger than a tile exists. Key
// tiles start at the segment's first key; K and V are packed once per head, in waves of segments that
// fit the reserved scratch. In a narrower format q, k, v and the softmax's weights are converted;
// scores, softmax and the running output stay float32.
#include "ops/attention.h"
#include "cpu/tile.h"

namespace tubelet::TUBELET_ISA {
namespace {

constexpr int64_t block_rows = 64 / tile_rows * tile_rows;
constexpr int64_t tile_keys = 192; // a multiple of every panel width

struct Segment {
  int64_t q_start, q_end, k_start, k_end;
  int64_t queries() const { return q_end - q_start; }
  int64_t keys() const { return k_end - k_start; }
  int64_t blocks() const { return ceil_div(queries(), block_rows); }
};

struct Problem {
  const KernelCall &call;
  const Attention::Attributes &attributes;
  int64_t heads, depth, value_depth;

  explicit Problem(const KernelCall &call)
      : call(call), attributes(*static_cast<const Attention::Attributes *>(call.attributes)),
        heads(attributes.heads), depth(input(Attention::q).shape[1] / heads),
        value_depth(input(Attention::v).shape[1] / heads) {}

  const Tensor &input(int index) const { return call.inputs[index]; }
  Segment segment(int64_t s) const {
    const int32_t *at = integers(input(Attention::segments)) + 4 * s;
    return {at[0], at[1], at[2], at[3]};
  }
  int64_t segments() const { return input(Attention::segments).shape[0]; }
};

/// Elements that one head of one segment takes packed: Kᵀ as panels of keys, V as panels of channels.
template <class F> inline int64_t packed_keys(int64_t keys, int64_t depth) {
  return Panels{keys}.padded() * stepped<F>(depth);
}
template <class F> inline int64_t packed_values(int64_t keys, int64_t depth) {
  return Panels{depth}.padded() * stepped<F>(keys);
}
template <class F>
inline int64_t packed_head(const Segment &s, int64_t depth, int64_t value_depth) {
  return packed_keys<F>(s.keys(), depth) + packed_values<F>(s.keys(), value_depth);
}

/// Per thread: scores of a block, its running output, maximum and sum per row; then, in format F, the
/// block's queries and the softmax's weights of a tile.
template <class F> struct Workspace {
  using Element = typename F::Element;
  float *scores, *sums, *output, *largest, *total;
  Element *queries, *weights;

  static int64_t floats(int64_t value_depth) {
    return block_rows * (tile_keys + panel_width + Panels{value_depth}.count() * panel_width + 2);
  }
  static size_t bytes(int64_t depth, int64_t value_depth) {
    const size_t size = (size_t)floats(value_depth) * sizeof(float);
    return F::step == 1
               ? size
               : size + sizeof(Element) * (size_t)(block_rows * (stepped<F>(depth) + tile_keys));
  }
  Workspace(char *start, int64_t depth, int64_t value_depth)
      : scores((float *)start), sums(scores + block_rows * tile_keys),
        output(sums + block_rows * panel_width),
        largest(output + block_rows * Panels{value_depth}.count() * panel_width),
        total(largest + block_rows), queries((Element *)(scores + floats(value_depth))),
        weights(queries + block_rows * stepped<F>(depth)) {}
};

/// What the packed K and V of a wave may take, in elements: every key of the run once, padded per
/// segment. A segment that alone needs more would have keys the tensor does not have.
template <class F>
inline int64_t wave_elements(int64_t keys, int64_t segments, int64_t heads, int64_t depth,
                             int64_t value_depth) {
  const int64_t parts = smaller(segments, keys);
  return heads * ((keys + parts * (lanes - 1)) * stepped<F>(depth) +
                  (keys + parts * (F::step - 1)) * Panels{value_depth}.padded());
}

template <class F> size_t wave_bytes(int64_t elements) {
  return ((size_t)elements * sizeof(typename F::Element) + 63) / 64 * 64;
}

template <class F> const char *accepts(const NodeSpec &node) {
  return node.precision < F::precision ? "the plan asks for more precision" : nullptr;
}

template <class F> void plan(const NodeSpec &node, KernelNeeds &needs) {
  const auto &attributes = *static_cast<const Attention::Attributes *>(node.attributes);
  const Tensor &k = node.inputs[Attention::k], &v = node.inputs[Attention::v];
  const int64_t depth = k.shape[1] / attributes.heads, value_depth = v.shape[1] / attributes.heads;
  const int64_t wave = wave_elements<F>(k.shape[0], node.inputs[Attention::segments].shape[0],
                                        attributes.heads, depth, value_depth);
  needs.scratch_bytes =
      wave_bytes<F>(wave) + (size_t)node.threads * Workspace<F>::bytes(depth, value_depth);
}

template <class F>
void pack_head(const Problem &p, const Segment &s, int64_t head, typename F::Element *keys,
               typename F::Element *values) {
  const int64_t whole = stepped<F>(p.depth), whole_keys = stepped<F>(s.keys());
  const Tensor &k = p.input(Attention::k), &v = p.input(Attention::v);
  const Panels key_panels{s.keys()}, value_panels{p.value_depth};
  for (int64_t panel = 0; panel < key_panels.count(); panel++) {
    const int64_t first = panel * panel_width, width = key_panels.width(panel);
    const int64_t valid = smaller(width, s.keys() - first);
    auto *to = keys + key_panels.offset(panel, whole);
    for (int64_t n = 0; n < width; n++) {
      const float *row = floats(k) + (s.k_start + first + n) * k.row_stride + head * p.depth;
      for (int64_t d = 0; d < whole; d++)
        to[packed_index<F>(d, n, width)] = F::of(n < valid && d < p.depth ? row[d] : 0.0f);
    }
  }
  for (int64_t panel = 0; panel < value_panels.count(); panel++) {
    const int64_t first = panel * panel_width, width = value_panels.width(panel);
    const int64_t valid = smaller(width, p.value_depth - first);
    auto *to = values + value_panels.offset(panel, whole_keys);
    for (int64_t n = 0; n < whole_keys; n++) {
      const float *row = floats(v) + (s.k_start + n) * v.row_stride + head * p.value_depth + first;
      for (int64_t c = 0; c < width; c++)
        to[packed_index<F>(n, c, width)] = F::of(n < s.keys() && c < valid ? row[c] : 0.0f);
    }
  }
}

/// Scores of rows [first, end) of the segment against keys [key, key + count): scale, bias, mask. Row
/// r of the block's queries begins at queries + (r - first) · stride.
template <class F>
void score_tile(const Problem &p, const Segment &s, int64_t head, int64_t first, int64_t end,
                int64_t key, int64_t count, const typename F::Element *queries, int64_t stride,
                const typename F::Element *keys, const Workspace<F> &space) {
  const Tensor &bias = p.input(Attention::bias);
  const Panels panels{s.keys()};
  const int64_t whole = stepped<F>(p.depth);
  const float scale = (float)p.attributes.scale;
  for (int64_t at = 0; at < count; at += panel_width) {
    const int64_t panel = (key + at) / panel_width, width = panels.width(panel);
    for (int64_t row = first; row < end; row += tile_rows) {
      const int rows = (int)smaller(tile_rows, end - row);
      Tap<F> tap;
      tap.first = 0;
      for (int r = 0; r < rows; r++)
        tap.rows[r] = queries + (row + r - first) * stride;
      float *c = space.sums;
      multiply_tile<F>(rows, &tap, 1, whole, keys + panels.offset(panel, whole), width / lanes, c,
                       false);
      for (int r = 0; r < rows; r++)
        for (int64_t n = 0; n < width; n += lanes)
          store(space.scores + (row - first + r) * tile_keys + at + n,
                load(c + r * panel_width + n) * scale);
    }
  }
  const int64_t stored = ceil_div(count, lanes) * lanes;
  for (int64_t row = first; row < end; row++) {
    float *scores = space.scores + (row - first) * tile_keys;
    if (bias.data) {
      const int64_t middle = (bias.shape[0] - 1) / 2;
      for (int64_t n = 0; n < count; n++)
        scores[n] += floats(bias)[(key + n - row + middle) * bias.row_stride + head];
    }
    int64_t visible = count;
    if (p.attributes.causal)
      visible = larger(0, smaller(count, row + 1 - key));
    for (int64_t n = visible; n < stored; n++)
      scores[n] = -__builtin_inff();
  }
}

/// Softmax of one more tile: scores become weights, output and sum are rescaled to the new maximum.
template <class F>
void soften_tile(const Problem &p, int64_t rows, int64_t count, const Workspace<F> &space) {
  const int64_t stored = ceil_div(count, lanes) * lanes;
  const int64_t output_width = Panels{p.value_depth}.count() * panel_width;
  for (int64_t r = 0; r < rows; r++) {
    float *scores = space.scores + r * tile_keys;
    Vec highest = load(scores);
    for (int64_t n = lanes; n < stored; n += lanes)
      highest = max(load(scores + n), highest);
    const float before = space.largest[r];
    float now = largest(highest);
    now = before > now ? before : now;
    // A row whose scores are all -infinity so far keeps weights of 0 instead of NaN.
    const float base = now == -__builtin_inff() ? 0.0f : now;
    Vec total{};
    for (int64_t n = 0; n < stored; n += lanes) {
      Vec weight = exp(load(scores + n) - base);
      store(scores + n, weight);
      total += weight;
    }
    if constexpr (F::step > 1)
      convert_row<F>(scores, stored, space.weights + r * tile_keys);
    const Vec rescale = exp(broadcast(before - base));
    space.total[r] = space.total[r] * rescale[0] + sum(total);
    space.largest[r] = now;
    float *output = space.output + r * panel_width;
    for (int64_t panel = 0; panel < output_width; panel += panel_width)
      for (int v = 0; v < panel_width; v += lanes)
        store(output + panel * block_rows + v, load(output + panel * block_rows + v) * rescale);
  }
}

/// The running output is stored panel by panel: [panels][block_rows][panel_width].
template <class F>
void add_values(const Problem &p, const Segment &s, int64_t rows, int64_t key, int64_t count,
                const typename F::Element *values, const Workspace<F> &space) {
  const Panels panels{p.value_depth};
  const typename F::Element *weights;
  if constexpr (F::step == 1)
    weights = space.scores;
  else
    weights = space.weights;
  for (int64_t panel = 0; panel < panels.count(); panel++)
    for (int64_t row = 0; row < rows; row += tile_rows) {
      const int tile = (int)smaller(tile_rows, rows - row);
      Tap<F> tap;
      tap.first = key;
      for (int r = 0; r < tile; r++)
        tap.rows[r] = weights + (row + r) * tile_keys;
      multiply_tile<F>(tile, &tap, 1, stepped<F>(count),
                       values + panels.offset(panel, stepped<F>(s.keys())),
                       panels.width(panel) / lanes,
                       space.output + (panel * block_rows + row) * panel_width, true);
    }
}

template <class F>
void attend_block(const Problem &p, const Segment &s, int64_t head, int64_t block,
                  const typename F::Element *keys, const Workspace<F> &space) {
  const int64_t first = block * block_rows, end = smaller(s.queries(), first + block_rows);
  const int64_t rows = end - first;
  const Panels panels{p.value_depth};
  for (int64_t r = 0; r < block_rows; r++) {
    space.largest[r] = -__builtin_inff();
    space.total[r] = 0;
  }
  __builtin_memset(space.output, 0,
                   (size_t)(panels.count() * block_rows * panel_width) * sizeof(float));
  const Tensor &q = p.input(Attention::q);
  const float *first_query = floats(q) + (s.q_start + first) * q.row_stride + head * p.depth;
  const typename F::Element *queries;
  int64_t stride;
  if constexpr (F::step == 1) {
    queries = first_query;
    stride = q.row_stride;
  } else {
    stride = stepped<F>(p.depth);
    for (int64_t r = 0; r < rows; r++)
      convert_row<F>(first_query + r * q.row_stride, p.depth, space.queries + r * stride);
    queries = space.queries;
  }
  const auto *values = keys + packed_keys<F>(s.keys(), p.depth);
  const int64_t last_key = p.attributes.causal ? smaller(s.keys(), end) : s.keys();
  for (int64_t key = 0; key < last_key; key += tile_keys) {
    const int64_t count = smaller(tile_keys, s.keys() - key);
    score_tile<F>(p, s, head, first, end, key, count, queries, stride, keys, space);
    soften_tile<F>(p, rows, count, space);
    add_values<F>(p, s, rows, key, count, values, space);
  }
  const int64_t width = p.heads * p.value_depth;
  for (int64_t r = 0; r < rows; r++) {
    const float inverse = space.total[r] == 0 ? 0.0f : 1.0f / space.total[r];
    float *out =
        floats_out(*p.call.output) + (s.q_start + first + r) * width + head * p.value_depth;
    for (int64_t panel = 0; panel < panels.count(); panel++) {
      const float *from = space.output + (panel * block_rows + r) * panel_width;
      for_row(smaller(panel_width, p.value_depth - panel * panel_width),
              [&](int64_t c, auto access) {
                access.store(out + panel * panel_width + c, load(from + c) * inverse);
              });
    }
  }
}

template <class F> void run(const KernelCall &call, Pool &pool) {
  using Element = typename F::Element;
  const Problem p(call);
  const Tensor &k = p.input(Attention::k), &output = *call.output;
  const int64_t room = wave_elements<F>(k.shape[0], p.segments(), p.heads, p.depth, p.value_depth);
  auto *packed = (Element *)call.scratch;
  char *workspaces = (char *)call.scratch + wave_bytes<F>(room);
  auto head_elements = [&](int64_t s) {
    return packed_head<F>(p.segment(s), p.depth, p.value_depth);
  };
  __builtin_memset(output.data, 0, (size_t)(output.shape[0] * output.shape[1]) * sizeof(float));

  for (int64_t first = 0; first < p.segments();) {
    // A wave: as many segments as the packed keys and values have room for.
    int64_t end = first, used = 0, blocks = 0;
    for (; end < p.segments(); end++) {
      const int64_t needed = p.heads * head_elements(end);
      if (end > first && used + needed > room)
        break;
      used += needed;
      blocks += p.segment(end).blocks();
    }
    auto head_start = [&](int64_t wanted, int64_t head) {
      Element *at = packed;
      for (int64_t s = first; s < wanted; s++)
        at += p.heads * head_elements(s);
      return at + head * head_elements(wanted);
    };
    parallel(pool, (end - first) * p.heads, [&](int64_t task, int) {
      const int64_t s = first + task / p.heads, head = task % p.heads;
      Element *keys = head_start(s, head);
      pack_head<F>(p, p.segment(s), head, keys,
                   keys + packed_keys<F>(p.segment(s).keys(), p.depth));
    });
    parallel(pool, blocks * p.heads, [&](int64_t task, int thread) {
      int64_t s = first, block = task / p.heads;
      while (block >= p.segment(s).blocks())
        block -= p.segment(s++).blocks();
      const Workspace<F> space(workspaces +
                                   (size_t)thread * Workspace<F>::bytes(p.depth, p.value_depth),
                               p.depth, p.value_depth);
      attend_block<F>(p, p.segment(s), task % p.heads, block, head_start(s, task % p.heads), space);
    });
    first = end;
  }
}

#if defined(__AVX512BF16__)
constexpr Kernel bf16 = {"attention.bf16", accepts<Bf16>, plan<Bf16>,
                         nullptr,          run<Bf16>,     Precision::bf16};
constexpr const Kernel *list[] = {&bf16};
#else
constexpr Kernel tiled = {"attention.tiled", accepts<F32>, plan<F32>, nullptr, run<F32>};
constexpr const Kernel *list[] = {&tiled};
#endif

} // namespace

extern const KernelList attention_kernels;
const KernelList attention_kernels = {list, 1};

} // namespace tubelet::TUBELET_ISA
