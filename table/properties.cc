#include "table/properties.h"

#include <cstdint>
#include <string>
#include <variant>

#include "absl/time/time.h"
#include "table/layout.h"

namespace cubby::table {
namespace {

using Value = decltype(Property::value);

struct Definition {
  const char* name;
  const char* unit;
  const char* help;
  Value (*read)(const Geometry& geometry);
};

std::string CreationTime(const Geometry& geometry) {
  return absl::FormatTime(absl::RFC3339_sec,
                          absl::FromUnixNanos(static_cast<int64_t>(geometry.created_unix_ns)),
                          absl::UTCTimeZone());
}

// clang-format off
constexpr Definition kDefinitions[] = {
    {"created", "", "When the store was created, UTC", [](const Geometry& g) -> Value { return CreationTime(g); }},
    {"full_policy", "", "What a full store does with a new key", [](const Geometry& g) -> Value { return NameOf(g.full_policy); }},
    {"capacity", "entries", "Entries that the store takes", [](const Geometry& g) -> Value { return g.capacity; }},
    {"max_key_bytes", "bytes", "Longest key", [](const Geometry& g) -> Value { return g.max_key_bytes; }},
    {"max_value_bytes", "bytes", "Longest value", [](const Geometry& g) -> Value { return g.max_value_bytes; }},
    {"max_inline_bytes", "bytes", "Longest key, rounded up to 8, and value together that need no extent", [](const Geometry& g) -> Value { return g.max_inline_bytes; }},
    {"slot_bytes", "bytes", "Size of a slot: 24 bytes of head, key and value", [](const Geometry& g) -> Value { return g.slot_bytes; }},
    {"ways", "", "Slots in a bucket", [](const Geometry& g) -> Value { return g.ways; }},
    {"bucket_count", "", "Buckets", [](const Geometry& g) -> Value { return g.bucket_count; }},
    {"extent_bytes", "bytes", "Size of an extent: 16 bytes of head and a part of an entry", [](const Geometry& g) -> Value { return g.extent_bytes; }},
    {"extent_count", "", "Extents", [](const Geometry& g) -> Value { return g.extent_count; }},
    {"changes_bytes", "bytes", "Size of the change ring, which `cubby watch` reads", [](const Geometry& g) -> Value { return g.changes_bytes; }},
    {"total_bytes", "bytes", "Size of the shared memory", [](const Geometry& g) -> Value { return g.total_bytes; }},
    {"bytes_per_entry", "bytes", "total_bytes divided by capacity, rounded up", [](const Geometry& g) -> Value { return (g.total_bytes + g.capacity - 1) / g.capacity; }},
    {"generation", "", "0; one more with each resize", [](const Geometry& g) -> Value { return g.generation; }},
    {"layout_major", "", "Layout version: a program of another major version cannot open the store", [](const Geometry&) -> Value { return kLayoutMajor; }},
    {"layout_minor", "", "Layout version, minor part", [](const Geometry& g) -> Value { return g.layout_minor; }},
};
// clang-format on

}  // namespace

std::vector<Property> Properties(const Geometry& geometry) {
  std::vector<Property> properties;
  for (const Definition& definition : kDefinitions) {
    properties.push_back(
        {definition.name, definition.read(geometry), definition.unit, definition.help});
  }
  return properties;
}

}  // namespace cubby::table
