// Whether a header is taken for what it is, at every size of the mapping, and never read beyond it.
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>

#include "absl/status/statusor.h"
#include "table/geometry.h"
#include "tests/fuzz/damaged_table.h"
#include "tests/fuzz/harness.h"
#include "tests/fuzz/input.h"

namespace cubby::fuzz {
namespace {

void Attach(const char* bytes, size_t size) {
  const ExactMemory memory(bytes, size);
  const absl::StatusOr<table::Geometry> geometry = table::ReadGeometry(memory.data(), size);
  if (!geometry.ok()) {
    Require(!geometry.status().message().empty(), "a header is refused with a reason");
    return;
  }
  Require(geometry->total_bytes <= size, "a table that was accepted lies in its mapping");
  // The last byte of each kind lies in it too.
  const table::Geometry& g = *geometry;
  Require(g.heads_offset >= table::kHeaderBytes + g.bucket_count * sizeof(table::HintRow) &&
              g.slots_offset >= g.heads_offset + g.bucket_count * sizeof(table::BucketHead) &&
              g.bucket_bytes >= uint64_t{g.ways} * g.slot_bytes &&
              g.extents_offset >= g.slots_offset + g.bucket_count * g.bucket_bytes &&
              g.total_bytes >= g.extents_offset + uint64_t{g.extent_count} * g.extent_bytes &&
              g.total_bytes >= g.extent_map_offset +
                                   (table::MapWords(g) + table::SummaryWords(g)) * sizeof(uint64_t),
          "the parts of a table follow each other");
  Require(g.capacity <= g.bucket_count * (g.ways - 1), "a table has room for its capacity");

  const ExactMemory again(g.total_bytes);
  table::Format(again.data(), g);
  const absl::StatusOr<table::Geometry> read = table::ReadGeometry(again.data(), again.size());
  Require(read.ok() && std::memcmp(&*read, &g, offsetof(table::Geometry, layout_minor)) == 0 &&
              read->layout_minor == g.layout_minor,
          "a geometry that was read can be written and read again");
}

}  // namespace

void Geometry(absl::string_view bytes) {
  Input input(bytes);
  size_t size;
  const ExactMemory memory = DamagedBytes(&input, &size);
  Attach(memory.data(), std::min(size, memory.size()));
  const std::string raw(input.Rest());
  Attach(raw.data(), raw.size());
}

}  // namespace cubby::fuzz
