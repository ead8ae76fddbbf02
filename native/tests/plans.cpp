// Plans: blocks that live at once never overlap, a run reads nothing that it did not write, allocates
// nothing, and stops when asked. A program of its own, since it counts every malloc.
#include "core/memory_plan.h"
#include "core/plan.h"
#include "cpu/backend.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__)
#define TUBELET_COUNTS_ALLOCATIONS 1
extern "C" void *__libc_malloc(size_t bytes);

namespace {
std::atomic<bool> is_counting{false};
std::atomic<int> allocations{0};
} // namespace

/// Takes the place of glibc's; new, calloc of the pool's threads and the library's own calls come here.
extern "C" void *malloc(size_t bytes) {
  if (is_counting)
    allocations++;
  return __libc_malloc(bytes);
}
#endif

namespace tubelet {
namespace {

int failures = 0;

void expect(bool holds, const char *what) {
  std::printf("%s plans: %s\n", holds ? "ok" : "FAIL", what);
  failures += !holds;
}

class GraphWriter {
public:
  template <class T> GraphWriter &put(T value) {
    const auto *from = reinterpret_cast<const uint8_t *>(&value);
    bytes.insert(bytes.end(), from, from + sizeof value);
    return *this;
  }
  GraphWriter &text(std::string_view value) {
    put(uint32_t(value.size()));
    bytes.insert(bytes.end(), value.begin(), value.end());
    return *this;
  }
  GraphWriter &tensor(std::string_view name, TensorKind kind, std::initializer_list<int64_t> dims) {
    text(name).put(kind).put(DType::f32).put(uint8_t(dims.size()));
    for (int64_t dim : dims)
      put(dim);
    return *this;
  }
  std::vector<uint8_t> bytes;
};

/// y = x·wᵀ + x, `layers` times, [tokens, width].
std::shared_ptr<const Graph> residual_chain(int layers, int64_t width) {
  GraphWriter w;
  w.put(uint32_t(0x474C4254)).put(uint32_t(1)).put(uint32_t(1)).text("tokens");
  w.put(uint32_t(2 + layers));
  w.tensor("x", TensorKind::input, {-1, width});
  w.tensor("w", TensorKind::weight, {width, width});
  for (int i = 0; i < layers; i++)
    w.tensor("y" + std::to_string(i), TensorKind::intermediate, {-1, width});
  w.put(uint32_t(layers));
  const uint32_t absent = 0xFFFFFFFF;
  for (int i = 0; i < layers; i++) {
    const uint32_t from = i == 0 ? 0 : uint32_t(1 + i);
    w.text("linear").text("layer" + std::to_string(i)).put(uint32_t(6));
    for (uint32_t input : {from, 1u, absent, absent, absent, from})
      w.put(input);
    w.put(uint32_t(1)).put(uint32_t(2 + i)).put(uint32_t(2));
    w.text("activation").put(uint8_t(1)).text("none");
    w.text("gateColumn").put(uint8_t(0)).put(0.0);
  }
  w.put(uint32_t(1)).put(uint32_t(0)).put(uint32_t(1)).put(uint32_t(1 + layers));
  return Graph::parse(w.bytes);
}

void test_placement() {
  uint64_t random = 20261123;
  auto next = [&](uint64_t limit) {
    random = random * 6364136223846793005 + 1442695040888963407;
    return int((random >> 33) % limit);
  };
  bool is_apart = true, is_tight = true;
  for (int round = 0; round < 200; round++) {
    std::vector<ArenaBlock> blocks(size_t(1 + next(40)));
    for (ArenaBlock &block : blocks) {
      block.bytes = size_t(1 + next(5000));
      block.first_node = next(30);
      block.last_node = block.first_node + next(10);
    }
    const size_t total = place_blocks(blocks);
    size_t highest = 0;
    for (const ArenaBlock &a : blocks) {
      highest = std::max(highest, a.offset + (a.bytes + 63) / 64 * 64);
      for (const ArenaBlock &b : blocks)
        is_apart &= &a == &b || a.last_node < b.first_node || b.last_node < a.first_node ||
                    a.offset + a.bytes <= b.offset || b.offset + b.bytes <= a.offset;
    }
    is_tight &= highest == total;
  }
  expect(is_apart, "blocks that live at once never overlap");
  expect(is_tight, "the arena ends where its last block ends");
}

void test_run() {
  constexpr int64_t tokens = 200, width = 64;
  auto device = Device::open({.kind = "cpu", .threads = 2, .isa = ""});
  auto weights = Buffer::allocate(device, width * width * 4);
  auto x = Buffer::allocate(device, tokens * width * 4);
  auto y = Buffer::allocate(device, tokens * width * 4);
  for (int64_t i = 0; i < width * width; i++)
    reinterpret_cast<float *>(weights->data())[i] = float(i % 7 - 3) / 64;
  for (int64_t i = 0; i < tokens * width; i++)
    reinterpret_cast<float *>(x->data())[i] = float(i % 13 - 6);
  const std::vector<std::vector<WeightPart>> parts = {{{weights, 0, DType::f32, width * width}}};
  const int64_t capacity[] = {tokens};
  auto plan = Plan::compile(device, residual_chain(6, width), parts, capacity);
  const std::shared_ptr<Buffer> inputs[] = {x}, outputs[] = {y};

  plan->run(inputs, outputs, capacity, nullptr);
  const std::vector<uint8_t> first(y->data(), y->data() + y->bytes());
  std::memset(device->arena(), 0xFF, plan->arena_bytes()); // every float a NaN
  plan->run(inputs, outputs, capacity, nullptr);
  expect(std::memcmp(first.data(), y->data(), first.size()) == 0,
         "a run reads nothing it did not write");

#if defined(TUBELET_COUNTS_ALLOCATIONS)
  is_counting = true;
  for (int i = 0; i < 10; i++)
    plan->run(inputs, outputs, capacity, nullptr);
  is_counting = false;
  expect(allocations == 0, "a run allocates nothing");
#endif

  std::atomic<int32_t> cancel{1};
  try {
    plan->run(inputs, outputs, capacity, &cancel);
    expect(false, "an aborted run ends with an error");
  } catch (const Error &error) {
    expect(error.code == ErrorCode::aborted, "an aborted run ends with an error");
  }
}

} // namespace
} // namespace tubelet

int main() {
  tubelet::register_cpu();
  tubelet::test_placement();
  tubelet::test_run();
  std::printf("plans: %d failures\n", tubelet::failures);
  return tubelet::failures ? 1 : 0;
}
