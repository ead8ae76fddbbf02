// replay LIBRARY: runs of a plan that come again are recorded and replayed, with what the buffers hold then,
// and still refuse bad indices and stop when asked. On a GPU, or on the kernels compiled for the host, where
// the replays are counted.
#include "core/plan.h"
#include "cuda/backend.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>

namespace {

using namespace tubelet;

constexpr int64_t rows = 7, width = 8, most_tokens = 100;

int failures = 0;

void require(bool holds, const char *what) {
  if (holds)
    return;
  std::printf("FAIL %s\n", what);
  failures++;
}

class GraphWriter {
public:
  template <class T> GraphWriter &put(T value) {
    const auto *from = reinterpret_cast<const uint8_t *>(&value);
    bytes.insert(bytes.end(), from, from + sizeof value);
    return *this;
  }
  GraphWriter &count(uint32_t value) { return put(value); }
  GraphWriter &text(std::string_view value) {
    count(uint32_t(value.size()));
    bytes.insert(bytes.end(), value.begin(), value.end());
    return *this;
  }
  GraphWriter &tensor(std::string_view name, TensorKind kind, DType dtype,
                      std::initializer_list<int64_t> dims) {
    text(name).put(kind).put(dtype).put(uint8_t(dims.size()));
    for (int64_t dim : dims)
      put(dim);
    return *this;
  }
  GraphWriter &node(std::string_view op, std::initializer_list<uint32_t> inputs, uint32_t output) {
    text(op).text(op).count(uint32_t(inputs.size()));
    for (uint32_t input : inputs)
      count(input);
    return count(1).count(output);
  }
  GraphWriter &attribute(std::string_view name, double value) {
    return text(name).put(uint8_t(0)).put(value);
  }
  std::vector<uint8_t> bytes;
};

/// y = table[ids] + x, and its columns 2 to 5 as z, which the plan copies out.
std::shared_ptr<const Graph> small_graph() {
  enum : uint32_t { ids, table, x, found, y, z };
  GraphWriter w;
  w.count(0x474C4254).count(1).count(1).text("tokens").count(6);
  w.tensor("ids", TensorKind::input, DType::i32, {-1});
  w.tensor("table", TensorKind::weight, DType::f32, {rows, width});
  w.tensor("x", TensorKind::input, DType::f32, {-1, width});
  w.tensor("found", TensorKind::intermediate, DType::f32, {-1, width});
  w.tensor("y", TensorKind::intermediate, DType::f32, {-1, width});
  w.tensor("z", TensorKind::intermediate, DType::f32, {-1, 4});
  w.count(3);
  w.node("embedding", {ids, table}, found).count(0);
  w.node("add", {found, x}, y).count(0);
  w.node("slice", {y}, z).count(3);
  w.attribute("axis", 1).attribute("start", 2).attribute("end", 6);
  w.count(2).count(ids).count(x).count(2).count(y).count(z);
  return Graph::parse(w.bytes);
}

class Fixture {
public:
  Fixture() : device(Device::open({.kind = "cuda", .threads = 0, .isa = ""})) {
    auto stored = Buffer::allocate(device, sizeof table);
    for (int64_t i = 0; i < rows * width; i++)
      table[i] = float(i);
    stored->write(0, table, sizeof table);
    const std::vector<std::vector<WeightPart>> parts = {{{stored, 0, DType::f32, rows * width}}};
    const int64_t capacity[] = {most_tokens};
    plan = Plan::compile(device, small_graph(), parts, capacity);
    inputs = {Buffer::allocate(device, most_tokens * 4),
              Buffer::allocate(device, most_tokens * width * 4)};
    outputs = {Buffer::allocate(device, most_tokens * width * 4),
               Buffer::allocate(device, most_tokens * 4 * 4)};
  }

  void fill(int seed, int32_t first_id) {
    for (int64_t t = 0; t < most_tokens; t++)
      ids[t] = int32_t((t * 3 + seed) % rows);
    ids[0] = first_id;
    for (int64_t i = 0; i < most_tokens * width; i++)
      x[i] = float((i * 7 + seed * 13) % 101);
    inputs[0]->write(0, ids, sizeof ids);
    inputs[1]->write(0, x, sizeof x);
  }

  void run(int64_t tokens, const std::atomic<int32_t> *cancel = nullptr) {
    const int64_t sizes[] = {tokens};
    plan->run(inputs, outputs, sizes, cancel);
  }

  bool is_right(int64_t tokens) const {
    static float y[most_tokens * width], z[most_tokens * 4];
    outputs[0]->read(0, y, sizeof y);
    outputs[1]->read(0, z, sizeof z);
    bool is_same = true;
    for (int64_t t = 0; t < tokens; t++)
      for (int64_t c = 0; c < width; c++) {
        const float wanted = table[ids[t] * width + c] + x[t * width + c];
        is_same &= y[t * width + c] == wanted;
        is_same &= c < 2 || c >= 6 || z[t * 4 + c - 2] == wanted;
      }
    return is_same;
  }

  ErrorCode code_of_run(int64_t tokens, const std::atomic<int32_t> *cancel = nullptr) {
    try {
      run(tokens, cancel);
    } catch (const Error &error) {
      return error.code;
    }
    return ErrorCode::bad_graph; // which no run gives
  }

  std::vector<std::shared_ptr<Buffer>> inputs, outputs;

private:
  std::shared_ptr<Device> device;
  std::shared_ptr<Plan> plan;
  float table[rows * width], x[most_tokens * width];
  int32_t ids[most_tokens];
};

void check_runs(Fixture &fixture) {
  for (int i = 0; i < 4; i++) {
    fixture.fill(i, 1);
    fixture.run(most_tokens);
    require(fixture.is_right(most_tokens), "a run that comes again sees what its buffers hold now");
  }
  fixture.fill(9, rows);
  require(fixture.code_of_run(most_tokens) == ErrorCode::bad_input, "a replay refuses bad indices");
  const std::atomic<int32_t> cancel{1};
  fixture.fill(10, 0);
  require(fixture.code_of_run(most_tokens, &cancel) == ErrorCode::aborted, "a replay is aborted");
  fixture.run(most_tokens);
  require(fixture.is_right(most_tokens), "the next one is as before");

  for (int i = 0; i < 3; i++)
    for (int64_t tokens : {0, 1, 31, 64, 99, 100}) { // more than are remembered
      fixture.fill(20 + i, 2);
      fixture.run(tokens);
      require(fixture.is_right(tokens), "every size has a recording of its own");
    }
  std::swap(fixture.outputs[0], fixture.inputs[1]);
  for (int i = 0; i < 3; i++) {
    fixture.fill(30 + i, 3);
    fixture.run(most_tokens);
    require(fixture.is_right(most_tokens), "so have other buffers");
  }
  fixture.fill(40, rows);
  require(fixture.code_of_run(17) == ErrorCode::bad_input, "a first run refuses bad indices");
  fixture.fill(41, 0);
  fixture.run(17);
  fixture.fill(42, -1);
  require(fixture.code_of_run(17) == ErrorCode::bad_input, "a run being recorded refuses them");
  fixture.fill(43, 0);
  fixture.run(17);
  require(fixture.is_right(17), "and is recorded the next time");
}

} // namespace

int main(int count, char **arguments) {
  if (count != 2)
    return 2;
  setenv("TUBELET_CUDA_LIBRARY", arguments[1], 1);
  register_cuda();
  try {
    Fixture fixture;
    check_runs(fixture);
  } catch (const std::exception &error) {
    std::printf("FAIL %s\n", error.what());
    failures++;
  }
  void *library = dlopen(arguments[1], RTLD_NOW | RTLD_NOLOAD);
  if (const auto *replays = static_cast<int *>(dlsym(library, "emulated_graph_launches")))
    require(*replays > 5, "runs are replayed");
  std::printf("replay: %d failures\n", failures);
  return failures ? 1 : 0;
}
