#include "server/shape.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/size_text.h"
#include "table/bytes.h"

namespace cubby::server {
namespace {

std::string Octal(uint32_t mode) { return absl::StrFormat("%04o", mode); }

absl::Status Conflict(absl::string_view option, const absl::AlphaNum& has,
                      const absl::AlphaNum& asked) {
  return absl::InvalidArgumentError(
      absl::StrCat("it exists with ", option, " ", has, ", not ", asked, ": leave ", option,
                   " out to keep its entries, or add --fresh to discard them"));
}

}  // namespace

uint32_t ModeAskedFor(const Options& options) { return options.mode.value_or(kDefaultMode); }

bool HasModeAskedFor(const os::Mapping& mapping, const Options& options) {
  return mapping.mode() == os::Mapping::ModeThatHolds(ModeAskedFor(options));
}

absl::Status CheckShape(const Options& options, const os::Mapping& mapping,
                        const table::Geometry& geometry) {
  if (options.capacity.value_or(geometry.capacity) != geometry.capacity) {
    return Conflict("--capacity", geometry.capacity, *options.capacity);
  }
  const uint64_t slot_bytes = options.slot_bytes.value_or(geometry.slot_bytes);
  if (table::RoundUp8(slot_bytes) != geometry.slot_bytes) {
    return Conflict("--slot-bytes", geometry.slot_bytes, slot_bytes);
  }
  if (options.max_value_bytes.value_or(geometry.max_value_bytes) != geometry.max_value_bytes) {
    return Conflict("--max-value", SizeText(geometry.max_value_bytes),
                    SizeText(*options.max_value_bytes));
  }
  const uint64_t extent_bytes = options.extent_bytes.value_or(geometry.extent_bytes);
  if (table::RoundUp8(extent_bytes) != geometry.extent_bytes) {
    return Conflict("--extent-bytes", SizeText(geometry.extent_bytes), SizeText(extent_bytes));
  }
  if (options.extent_pool_bytes.has_value() &&
      *options.extent_pool_bytes / geometry.extent_bytes != geometry.extent_count) {
    return Conflict("--extent-pool",
                    SizeText(uint64_t{geometry.extent_count} * geometry.extent_bytes),
                    SizeText(*options.extent_pool_bytes));
  }
  const table::FullPolicy full_policy = options.full_policy.value_or(geometry.full_policy);
  if (full_policy != geometry.full_policy) {
    return Conflict("--full", table::NameOf(geometry.full_policy), table::NameOf(full_policy));
  }
  if (options.changes_bytes.has_value() &&
      table::ChangesBytes(*options.changes_bytes) != geometry.changes_bytes) {
    return Conflict("--changes", SizeText(geometry.changes_bytes),
                    SizeText(*options.changes_bytes));
  }
  if (options.mode.has_value() && !HasModeAskedFor(mapping, options)) {
    return Conflict("--mode", Octal(mapping.mode()), Octal(*options.mode));
  }
  if (options.group.value_or(mapping.group()) != mapping.group()) {
    return Conflict("--group", mapping.group(), *options.group);
  }
  return absl::OkStatus();
}

bool SameShape(const table::Geometry& a, const table::Geometry& b) {
  return a.capacity == b.capacity && a.max_value_bytes == b.max_value_bytes &&
         a.slot_bytes == b.slot_bytes && a.ways == b.ways && a.bucket_count == b.bucket_count &&
         a.extent_bytes == b.extent_bytes && a.extent_count == b.extent_count &&
         a.full_policy == b.full_policy && a.changes_bytes == b.changes_bytes;
}

table::GeometryOptions ShapeAskedFor(const Options& options) {
  table::GeometryOptions shape;
  shape.capacity = options.capacity.value_or(shape.capacity);
  shape.slot_bytes = options.slot_bytes.value_or(shape.slot_bytes);
  shape.max_value_bytes = options.max_value_bytes.value_or(shape.max_value_bytes);
  shape.extent_pool_bytes = options.extent_pool_bytes;
  shape.extent_bytes = options.extent_bytes.value_or(shape.extent_bytes);
  shape.full_policy = options.full_policy.value_or(shape.full_policy);
  shape.changes_bytes = options.changes_bytes;
  return shape;
}

}  // namespace cubby::server
