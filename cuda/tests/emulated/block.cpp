// The threads of a block, their barriers and their asynchronous copies.
#include "cuda_runtime_api.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <ucontext.h>
#include <vector>

namespace emulated {
namespace {

constexpr size_t stack_bytes = 256 << 10;
constexpr uint32_t first_shared_address = 1024 + 128; ///< as on a GPU, at no multiple of 1024

struct MeetsBarrier {};

struct Copy {
  void *to;
  const void *from;
  unsigned bytes;
};

/// Threads that wait for each other; `turn` counts how often they have met.
struct Meeting {
  unsigned expected = 0, arrived = 0, turn = 0;

  bool is_complete() {
    if (arrived == 0 || arrived < expected)
      return false;
    arrived = 0;
    turn++;
    return true;
  }
};

struct Fiber {
  ucontext_t context;
  bool is_done = false;
  const Meeting *waits_for = nullptr;
  unsigned turn = 0;
  bool (*is_ready)(const void *context) = nullptr;
  const void *ready_context = nullptr;
  std::deque<std::vector<Copy>> copies; ///< by group; the last is not committed

  bool can_run() const {
    return !is_done && !(waits_for && waits_for->turn == turn) &&
           !(is_ready && !is_ready(ready_context));
  }
};

constexpr unsigned warpgroup = 4 * warp;

/// A block whose threads meet.
struct Block {
  explicit Block(unsigned threads)
      : fibers(threads), warps((threads + warp - 1) / warp),
        warpgroups((threads + warpgroup - 1) / warpgroup) {
    block.expected = threads;
    for (unsigned t = 0; t < threads; t++)
      warps[t / warp].meeting.expected++;
  }

  struct Warp {
    Meeting meeting;
    void *arguments[warp] = {};
  };

  struct Warpgroup {
    Meeting meeting{warpgroup};
    const Product *arguments[warpgroup] = {};
    std::deque<std::vector<std::vector<Product>>> products; ///< by group; the last is not committed
    bool is_fenced = false;
  };

  std::vector<Fiber> fibers;
  std::vector<Warp> warps;
  std::vector<Warpgroup> warpgroups;
  Meeting block;
  Meeting named[16];
  std::deque<std::function<void()>> later; ///< of the copy engine
  ucontext_t scheduler;
  void (*body)(void *context);
  void *context;
};

thread_local Block *current = nullptr;
thread_local std::vector<unsigned char> shared;
thread_local std::unique_ptr<char[]> stacks;
thread_local size_t stack_count = 0;

/// Comes back when the meeting has been held.
void wait(Meeting &meeting) {
  Fiber &fiber = current->fibers[threadIdx.x];
  meeting.arrived++;
  fiber.turn = meeting.turn;
  fiber.waits_for = &meeting;
  if (!meeting.is_complete())
    swapcontext(&fiber.context, &current->scheduler);
  fiber.waits_for = nullptr;
}

void copy_group(Fiber &fiber) {
  for (const Copy &copy : fiber.copies.front()) {
    std::memset(copy.to, 0, 16);
    if (copy.bytes > 0)
      std::memcpy(copy.to, copy.from, copy.bytes);
  }
  fiber.copies.pop_front();
}

void run_fiber() {
  Block &block = *current;
  const unsigned thread = threadIdx.x;
  block.body(block.context);
  Fiber &fiber = block.fibers[thread];
  fiber.is_done = true;
  Block::Warp &own = block.warps[thread / warp];
  own.meeting.expected--;
  block.block.expected--;
  own.meeting.is_complete();
  block.block.is_complete();
  swapcontext(&fiber.context, &block.scheduler);
}

void run_fibers(Block &block) {
  const unsigned threads = unsigned(block.fibers.size());
  if (stack_count < threads) {
    stacks.reset(new char[threads * stack_bytes]);
    stack_count = threads;
  }
  for (unsigned t = 0; t < threads; t++) {
    ucontext_t &context = block.fibers[t].context;
    getcontext(&context);
    context.uc_stack.ss_sp = stacks.get() + t * stack_bytes;
    context.uc_stack.ss_size = stack_bytes;
    context.uc_link = nullptr;
    makecontext(&context, run_fiber, 0);
  }
  for (bool is_running = true; is_running;) {
    is_running = false;
    for (unsigned t = 0; t < threads; t++)
      if (block.fibers[t].can_run()) {
        threadIdx.x = t;
        swapcontext(&block.scheduler, &block.fibers[t].context);
        is_running = true;
      }
    if (!is_running && !block.later.empty()) {
      block.later.front()();
      block.later.pop_front();
      is_running = true;
    }
  }
  for (const Fiber &fiber : block.fibers)
    if (!fiber.is_done)
      fail("threads of a block wait for each other for ever");
  for (const Block::Warpgroup &own : block.warpgroups)
    if (own.products.size() > 1)
      fail("a product of a warpgroup was not waited for");
}

Fiber &own_fiber() {
  if (!current)
    throw MeetsBarrier();
  return current->fibers[threadIdx.x];
}

} // namespace

unsigned char *shared_memory() { return shared.data() + (64 - uintptr_t(shared.data()) % 64) % 64; }
uint32_t shared_address(const void *in_shared) {
  const auto offset = static_cast<const unsigned char *>(in_shared) - shared_memory();
  if (offset < 0 || size_t(offset) + 64 > shared.size())
    fail("an address is not in the memory that the launch gave");
  return first_shared_address + uint32_t(offset);
}
const unsigned char *shared_at(uint32_t address) {
  const uint32_t offset = address - first_shared_address;
  if (offset + 64 > shared.size())
    fail("a matrix descriptor points out of the memory that the launch gave");
  return shared_memory() + offset;
}

void wait_for_block() {
  own_fiber();
  wait(current->block);
}

void with_warp(void *argument, void (*act)(void *const *arguments)) {
  own_fiber();
  Block::Warp &own = current->warps[threadIdx.x / warp];
  own.arguments[threadIdx.x % warp] = argument;
  if (own.meeting.arrived + 1 >= own.meeting.expected) {
    act(own.arguments);
    std::memset(own.arguments, 0, sizeof own.arguments);
  }
  wait(own.meeting);
}

void wait_until(bool (*is_ready)(const void *context), const void *context) {
  Fiber &fiber = own_fiber();
  if (is_ready(context))
    return;
  fiber.is_ready = is_ready;
  fiber.ready_context = context;
  swapcontext(&fiber.context, &current->scheduler);
  fiber.is_ready = nullptr;
}

void do_later(std::function<void()> work) {
  own_fiber();
  current->later.push_back(std::move(work));
}

void meet(int name, int threads) {
  own_fiber();
  Meeting &meeting = current->named[name];
  if (meeting.arrived > 0 && meeting.expected != unsigned(threads))
    fail("threads meet in different numbers");
  meeting.expected = unsigned(threads);
  wait(meeting);
}

namespace {

/// The last thread of a warpgroup to come acts for all.
template <class Act> void with_warpgroup(Act act) {
  own_fiber();
  Block::Warpgroup &own = current->warpgroups[threadIdx.x / warpgroup];
  if (own.meeting.arrived + 1 == warpgroup)
    act(own);
  wait(own.meeting);
}

} // namespace

void start_products() {
  with_warpgroup([](Block::Warpgroup &own) { own.is_fenced = true; });
}

void multiply_tiles(const Product &product) {
  own_fiber();
  current->warpgroups[threadIdx.x / warpgroup].arguments[threadIdx.x % warpgroup] = &product;
  with_warpgroup([](Block::Warpgroup &own) {
    if (!own.is_fenced)
      fail("a product of a warpgroup comes without a fence before it");
    std::vector<Product> lanes;
    for (const Product *lane : own.arguments) {
      lanes.push_back(*lane);
      if (lane->a_tile != lanes[0].a_tile || lane->b_tile != lanes[0].b_tile)
        fail("the threads of a warpgroup name different tiles");
    }
    if (own.products.empty())
      own.products.emplace_back();
    own.products.back().push_back(std::move(lanes));
  });
}

void commit_products() {
  with_warpgroup([](Block::Warpgroup &own) {
    if (own.products.empty())
      own.products.emplace_back();
    own.products.emplace_back();
  });
}

void products_done(unsigned groups) {
  with_warpgroup([groups](Block::Warpgroup &own) {
    own.is_fenced = false;
    while (own.products.size() > groups + 1) {
      for (const std::vector<Product> &lanes : own.products.front())
        multiply(lanes);
      own.products.pop_front();
    }
  });
}

void fail(const char *what) {
  std::fprintf(stderr, "emulated: %s\n", what);
  std::abort();
}

void copy_later(void *to, const void *from, unsigned bytes) {
  Fiber &fiber = own_fiber();
  if (uintptr_t(to) % 16 || uintptr_t(from) % 16)
    fail("an asynchronous copy is not aligned to 16 bytes");
  if (fiber.copies.empty())
    fiber.copies.emplace_back();
  fiber.copies.back().push_back({to, from, bytes});
}

void commit_copies() {
  Fiber &fiber = own_fiber();
  if (fiber.copies.empty())
    fiber.copies.emplace_back();
  fiber.copies.emplace_back();
}

void wait_for_copies(unsigned groups) {
  Fiber &fiber = own_fiber();
  while (fiber.copies.size() > groups + 1)
    copy_group(fiber);
}

void run_block(void (*body)(void *context), void *context, size_t shared_bytes) {
  shared.assign(shared_bytes + 64, 0xFF);
  try {
    for (threadIdx.x = 0; threadIdx.x < blockDim.x; threadIdx.x++)
      body(context);
  } catch (const MeetsBarrier &) {
    Block block(blockDim.x);
    block.body = body;
    block.context = context;
    current = &block;
    run_fibers(block);
    current = nullptr;
  }
}

} // namespace emulated
