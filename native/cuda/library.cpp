#include "cuda/library.h"

#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>

namespace tubelet {
namespace {

constexpr const char *file_name = "libtubelet_cuda.so";

/// The file that this code is in: the addon.
std::string own_folder() {
  Dl_info info;
  if (!dladdr(reinterpret_cast<void *>(&own_folder), &info) || !info.dli_fname)
    return ".";
  const std::string file = info.dli_fname;
  const size_t slash = file.rfind('/');
  return slash == std::string::npos ? "." : file.substr(0, slash);
}

std::string hexadecimal(uint32_t value) {
  char text[16];
  std::snprintf(text, sizeof text, "%08x", value);
  return text;
}

/// Fills `library`, or says why not. dlopen counts: a library that is open is not loaded again.
std::string load(const std::string &path, const CudaLibrary *&library) {
  void *handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    const char *error = dlerror();
    return error ? error : "dlopen failed";
  }
  const auto entry = reinterpret_cast<CudaEntry>(dlsym(handle, cuda_entry_name));
  if (!entry) {
    dlclose(handle);
    return path + ": it is not the CUDA library of tubelet";
  }
  uint32_t library_abi = 0;
  const CudaLibrary *offered = entry(TUBELET_CUDA_ABI, &library_abi);
  if (!offered || library_abi != TUBELET_CUDA_ABI || offered->abi != TUBELET_CUDA_ABI) {
    dlclose(handle);
    return path + ": it belongs to another build: ABI must be = " + hexadecimal(TUBELET_CUDA_ABI) +
           ", got " + hexadecimal(library_abi);
  }
  library = offered;
  return "";
}

} // namespace

FoundCudaLibrary find_cuda_library() {
  FoundCudaLibrary found;
  const char *named = std::getenv("TUBELET_CUDA_LIBRARY");
  const bool is_named = named && *named;
  found.path = is_named ? named : own_folder() + '/' + file_name;
  found.reason = load(found.path, found.library);
  if (!found.library)
    found.reason = "no CUDA library loads; tried " +
                   std::string(is_named ? "TUBELET_CUDA_LIBRARY" : "the addon's folder") + ": " +
                   found.reason;
  return found;
}

} // namespace tubelet
