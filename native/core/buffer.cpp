#include "core/buffer.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tubelet {
namespace {

std::atomic<uint64_t> next_identity{1};

[[noreturn]] void fail_io(const std::string &path, int error) {
  throw Error(ErrorCode::io, "buffer",
              "file must be readable = " + path + ", got " + std::strerror(error));
}

} // namespace

Buffer::Buffer(std::shared_ptr<Device> device)
    : device(std::move(device)), identity(next_identity++) {}

std::shared_ptr<Buffer> Buffer::allocate(std::shared_ptr<Device> device, size_t bytes) {
  std::shared_ptr<Buffer> buffer(new Buffer(std::move(device)));
  buffer->memory = buffer->device->engine().allocate(bytes, "buffer");
  buffer->start = buffer->memory.data();
  buffer->length = bytes;
  buffer->device->count_bytes(int64_t(bytes));
  return buffer;
}

std::shared_ptr<Buffer> Buffer::map(std::shared_ptr<Device> device, const std::string &path) {
  std::shared_ptr<Buffer> buffer(new Buffer(std::move(device)));
  int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0)
    fail_io(path, errno);
  struct stat status{};
  if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) {
    int error = S_ISDIR(status.st_mode) ? EISDIR : errno ? errno : EINVAL;
    close(file);
    fail_io(path, error);
  }
  buffer->is_mapped = true;
  if (status.st_size > 0) {
    void *start = mmap(nullptr, size_t(status.st_size), PROT_READ, MAP_PRIVATE, file, 0);
    if (start == MAP_FAILED) {
      int error = errno;
      close(file);
      fail_io(path, error);
    }
    buffer->start = static_cast<uint8_t *>(start);
    buffer->length = size_t(status.st_size);
  }
  close(file);
  return buffer;
}

std::shared_ptr<Buffer> Buffer::view(std::shared_ptr<Buffer> parent, size_t offset, size_t bytes) {
  parent->require_range("view", offset, bytes);
  if (parent->is_mapped)
    throw Error(ErrorCode::bad_input, "buffer", "must be = writable, got a mapped file");
  std::shared_ptr<Buffer> buffer(new Buffer(parent->device));
  buffer->start = parent->start + offset;
  buffer->length = bytes;
  buffer->parent = std::move(parent);
  return buffer;
}

void Buffer::release_pages(size_t offset, size_t count) const {
  const size_t page = size_t(sysconf(_SC_PAGESIZE));
  const size_t first = (offset + page - 1) / page * page, end = (offset + count) / page * page;
  if (is_mapped && start && first < end)
    madvise(start + first, end - first, MADV_DONTNEED);
}

Buffer::~Buffer() {
  if (parent)
    return;
  if (!is_mapped)
    device->count_bytes(-int64_t(length));
  else if (start)
    munmap(start, length);
}

void Buffer::require_range(const char *what, size_t offset, size_t count) const {
  if (offset > length || count > length - offset)
    throw Error(ErrorCode::bad_input, "buffer",
                std::string(what) + " must be within = " + std::to_string(length) +
                    " bytes, got offset " + std::to_string(offset) + " and " +
                    std::to_string(count) + " bytes");
}

void Buffer::write(size_t offset, const void *from, size_t count) {
  if (is_mapped)
    throw Error(ErrorCode::bad_input, "buffer", "must be = writable, got a mapped file");
  require_range("write", offset, count);
  if (count > 0)
    device->engine().write(start + offset, from, count);
}

void Buffer::read(size_t offset, void *to, size_t count) const {
  require_range("read", offset, count);
  if (count > 0)
    device->engine().read(to, start + offset, count);
}

} // namespace tubelet
