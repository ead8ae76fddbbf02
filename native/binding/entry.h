// How JavaScript enters a method or getter of one of the four classes. `this` is checked by its type
// tag: Node checks it for methods, but a getter may be called on anything.
#pragma once

#include "binding/arguments.h"
#include "binding/errors.h"

namespace tubelet::binding {

/// `Wrapped` says its `kind`, and `op` for errors.
template <class Wrapped, Napi::Value (Wrapped::*Method)(const Napi::CallbackInfo &)>
napi_value entry(napi_env env, napi_callback_info given) noexcept {
  try {
    Napi::CallbackInfo info(env, given);
    return guarded(env, [&]() -> Napi::Value {
      auto &self = unwrap<Wrapped>({Wrapped::op, "this"}, info.This(), Wrapped::kind,
                                   "an object of the class");
      return (self.*Method)(info);
    });
  } catch (const Napi::Error &error) {
    error.ThrowAsJavaScriptException();
    return nullptr;
  }
}

template <class Wrapped, Napi::Value (Wrapped::*Method)(const Napi::CallbackInfo &)>
Napi::ClassPropertyDescriptor<Wrapped> method(const char *name) {
  napi_property_descriptor descriptor{};
  descriptor.utf8name = name;
  descriptor.method = entry<Wrapped, Method>;
  descriptor.attributes = napi_default_method;
  return descriptor;
}

template <class Wrapped, Napi::Value (Wrapped::*Method)(const Napi::CallbackInfo &)>
Napi::ClassPropertyDescriptor<Wrapped> getter(const char *name) {
  napi_property_descriptor descriptor{};
  descriptor.utf8name = name;
  descriptor.getter = entry<Wrapped, Method>;
  return descriptor;
}

/// `[Symbol.dispose]`, so that `using` works.
template <class Wrapped, Napi::Value (Wrapped::*Method)(const Napi::CallbackInfo &)>
Napi::ClassPropertyDescriptor<Wrapped> dispose_method(Napi::Env env) {
  napi_property_descriptor descriptor{};
  descriptor.name = Napi::Symbol::WellKnown(env, "dispose");
  descriptor.method = entry<Wrapped, Method>;
  descriptor.attributes = napi_default_method;
  return descriptor;
}

} // namespace tubelet::binding
