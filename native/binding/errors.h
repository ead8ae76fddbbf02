// Between C++ errors and JavaScript ones. Core and ops throw `tubelet::Error`; every entry from
// JavaScript runs inside `guarded` or `promised`, so that nothing else leaves the addon.
#pragma once

#include "ops/error.h"

#include <exception>
#include <napi.h>

namespace tubelet::binding {

/// Any exception as the one error: memory that ran out, a refusal of the system, else as it is.
Error error_of(std::exception_ptr exception);

/// An Error with `code` and `op`, branded by Symbol.for('tubelet.error') so that every copy of the
/// class TubeletError knows it.
Napi::Error js_error(Napi::Env env, const Error &error);

Error disposed(const char *op);

/// Runs a synchronous entry: what it throws becomes a JavaScript exception.
template <class Body> auto guarded(Napi::Env env, Body &&body) {
  try {
    return body();
  } catch (const Napi::Error &) {
    throw;
  } catch (...) {
    throw js_error(env, error_of(std::current_exception()));
  }
}

/// Runs an entry that answers a promise: what it throws becomes a rejection.
template <class Body> Napi::Value promised(Napi::Env env, Body &&body) {
  try {
    return guarded(env, body);
  } catch (const Napi::Error &error) {
    auto deferred = Napi::Promise::Deferred::New(env);
    deferred.Reject(error.Value());
    return deferred.Promise();
  }
}

} // namespace tubelet::binding
