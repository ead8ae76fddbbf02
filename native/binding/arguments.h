// Arguments from JavaScript, checked: each function throws `tubelet::Error` bad_input, in the form
// `[op] what must be = expected, got actual`, when the value is not what it must be. Reading an
// object may run the caller's getters: read every argument first, look at the state after.
#pragma once

#include "binding/addon.h"
#include "core/precision.h"
#include "ops/tensor.h"

#include <atomic>
#include <functional>
#include <napi.h>
#include <string>
#include <vector>

namespace tubelet::binding {

/// Names an argument in errors, e.g. {"plan", "inputs[0]"}.
struct Argument {
  const char *op;
  std::string what;
};

/// What a value is, for people: `"text"`, `12`, `an array of 3`, `a Float32Array`, `nothing`.
std::string describe(Napi::Value value);

[[noreturn]] void refuse(const Argument &argument, const std::string &expected, Napi::Value got);

int64_t whole_number(const Argument &argument, Napi::Value value, int64_t least, int64_t most);
constexpr int64_t most_bytes = (int64_t(1) << 53) - 1;

std::string text(const Argument &argument, Napi::Value value);
Napi::Object object(const Argument &argument, Napi::Value value);
DType dtype(const Argument &argument, Napi::Value value);
Precision precision(const Argument &argument, Napi::Value value);

/// Visits every element of an array of exactly `count` (any up to `most` when count < 0).
void each(const Argument &argument, Napi::Value value, int64_t count, int64_t most,
          const std::function<void(const Argument &element, Napi::Value)> &visit);
std::vector<int64_t> whole_numbers(const Argument &argument, Napi::Value value, int64_t count,
                                   int64_t least, int64_t most);

/// Memory of a typed array or DataView; valid until JavaScript runs again.
struct View {
  uint8_t *data;
  size_t bytes;
};
View view(const Argument &argument, Napi::Value value);

/// The first element of an Int32Array over shared memory (which nothing can detach).
std::atomic<int32_t> *cancel_flag(const Argument &argument, Napi::Value value);

/// True when the value is an object of this class, made by this copy of the addon in this thread.
bool is_kind(Napi::Value value, Kind kind);

template <class Wrapped>
Wrapped &unwrap(const Argument &argument, Napi::Value value, Kind kind, const char *expected) {
  if (!is_kind(value, kind))
    refuse(argument, expected, value);
  return *Wrapped::Unwrap(value.As<Napi::Object>());
}

} // namespace tubelet::binding
