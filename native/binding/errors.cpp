#include "binding/errors.h"

#include <new>
#include <stdexcept>

namespace tubelet::binding {

Error error_of(std::exception_ptr exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const Error &error) {
    return error;
  } catch (const std::bad_alloc &) {
    return Error(ErrorCode::out_of_memory, "device", "memory must be = available, got none");
  } catch (const std::length_error &) {
    return Error(ErrorCode::out_of_memory, "device", "memory must be = available, got none");
  } catch (const std::exception &error) {
    return Error(ErrorCode::io, "device",
                 std::string("the system must be = willing, got ") + error.what());
  }
}

Napi::Error js_error(Napi::Env env, const Error &error) {
  Napi::Error created = Napi::Error::New(env, error.what());
  Napi::Object object = created.Value();
  auto text = [&](const std::string &value) { return Napi::String::New(env, value); };
  auto hidden = static_cast<napi_property_attributes>(napi_writable | napi_configurable);
  object.DefineProperty(Napi::PropertyDescriptor::Value("name", text("TubeletError"), hidden));
  object.DefineProperty(
      Napi::PropertyDescriptor::Value(Napi::Symbol::For(env, "tubelet.error").As<Napi::Name>(),
                                      Napi::Boolean::New(env, true), hidden));
  object.Set("code", text(name_of(error.code)));
  object.Set("op", text(error.op));
  return created;
}

Error disposed(const char *op) {
  return Error(ErrorCode::disposed, op, std::string(op) + " must be = open, got a disposed one");
}

} // namespace tubelet::binding
