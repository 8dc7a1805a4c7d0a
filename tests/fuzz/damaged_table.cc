#include "tests/fuzz/damaged_table.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "table/changes.h"
#include "table/hash.h"
#include "table/layout.h"
#include "table/writer.h"

namespace cubby::fuzz {
namespace {

constexpr uint8_t kRightChecksum = 1;  // in the flags: the header's is made right after the patches
constexpr uint8_t kOtherSize = 2;      // two bytes follow, added to or taken from the size
constexpr size_t kMaxPatches = 24;
constexpr uint8_t kFirstRun = 192;

struct SoundTable {
  table::Geometry geometry;
  std::string bytes;
};

SoundTable MakeSound(const table::GeometryOptions& options) {
  table::Geometry geometry = table::PlanGeometry(options).value();
  // The same bytes in every process.
  geometry.hash_seed = 7;
  geometry.instance[0] = 8;
  geometry.instance[1] = 9;
  geometry.created_unix_ns = 10;
  const ExactMemory memory(geometry.total_bytes);
  table::Format(memory.data(), geometry);
  const table::WritableTable made(memory.data(), geometry);
  table::Writer writer(made, FuzzedNow);
  if (options.ways == 3) {
    const lock::HeldWriterRole role;
    table::SetRecording(made, table::ChangeRecording::kOn);
  }
  // As many entries as it takes: each third with a value as long as may be, some that expire.
  for (size_t i = 0; i < geometry.capacity && i < Keys().size(); ++i) {
    const std::string value(i % 3 == 2 ? geometry.max_value_bytes : i % 5, 'v');
    table::PutRequest request;
    request.key = Keys()[i];
    request.update.value = value;
    request.hash = table::HashKey(Keys()[i], geometry.hash_seed);
    request.update.expiry_ns = i % 4 == 3 ? 1000 + i : 0;
    if (!writer.CheckSizes(request.key, value).ok()) continue;
    const lock::HeldWriterRole role;
    writer.Put(request).IgnoreError();
  }
  const lock::HeldWriterRole role;
  writer.Delete(Keys()[1], table::HashKey(Keys()[1], geometry.hash_seed)).IgnoreError();
  return {geometry, std::string(memory.data(), memory.size())};
}

const std::vector<SoundTable>& SoundTables() {
  static const auto* const tables = [] {
    SetFuzzedNow(1);
    table::GeometryOptions few_ways;  // overflowing buckets, short chains
    few_ways.capacity = 12;
    few_ways.slot_bytes = 64;
    few_ways.max_value_bytes = 400;
    few_ways.extent_bytes = 64;
    few_ways.ways = 3;  // and recorded changes
    table::GeometryOptions evicting = few_ways;
    evicting.full_policy = table::FullPolicy::kEvict;
    table::GeometryOptions no_extents;
    no_extents.capacity = 10;
    no_extents.slot_bytes = 48;
    no_extents.max_value_bytes = 8;
    no_extents.ways = 4;
    table::GeometryOptions one_bucket;  // of the usual shape
    one_bucket.capacity = 10;
    one_bucket.max_value_bytes = 3000;
    table::GeometryOptions two_ways;  // one entry in a bucket: long ways from home
    two_ways.capacity = 6;
    two_ways.slot_bytes = 48;
    two_ways.max_value_bytes = 90;
    two_ways.extent_bytes = 64;
    two_ways.ways = 2;
    return new std::vector<SoundTable>{MakeSound(few_ways), MakeSound(no_extents),
                                       MakeSound(one_bucket), MakeSound(two_ways),
                                       MakeSound(evicting)};
  }();
  return *tables;
}

struct Part {
  size_t begin;
  size_t end;
};

Part PartOf(const table::Geometry& geometry, uint8_t which) {
  switch (which % 8) {
    case 0:
      return {0, sizeof(table::Header)};
    case 1:
      return {sizeof(table::Header), offsetof(table::FixedPart, pad1)};
    case 2:
      return {offsetof(table::FixedPart, intent), offsetof(table::FixedPart, expiry)};
    case 3:
      return {table::kHeaderBytes, geometry.slots_offset};
    case 4:
    case 5:
      return {geometry.slots_offset, geometry.extents_offset};
    case 6:
      return {std::min(geometry.extents_offset, geometry.total_bytes - 1), geometry.total_bytes};
    default:
      return {0, geometry.total_bytes};
  }
}

void Patch(const table::Geometry& geometry, Input* input, char* bytes) {
  const Part part = PartOf(geometry, input->Byte());
  const size_t at = part.begin + input->Number16() % (part.end - part.begin);
  const size_t room = part.end - at;
  const uint8_t length = input->Byte();
  if (length < kFirstRun) {
    const absl::string_view patch = input->Take(std::min<size_t>(length % 24 + 1, room));
    std::memcpy(bytes + at, patch.data(), patch.size());
    return;
  }
  const uint64_t pattern = input->Number64();
  const size_t run = std::min<size_t>(size_t{length - kFirstRun + 1u} * 64, room);
  for (size_t i = 0; i < run; ++i) bytes[at + i] = static_cast<char>(pattern >> (i % 8 * 8));
}

uint64_t fuzzed_now = 1;

}  // namespace

ExactMemory::ExactMemory(size_t size)
    : data_(static_cast<char*>(::operator new (size, std::align_val_t{64}))), size_(size) {
  std::memset(data_.get(), 0, size);
}

ExactMemory::ExactMemory(const char* from, size_t size)
    : data_(static_cast<char*>(::operator new (size, std::align_val_t{64}))), size_(size) {
  std::memcpy(data_.get(), from, size);
}

const std::vector<std::string>& Keys() {
  static const auto* const keys = [] {
    auto* made = new std::vector<std::string>;
    for (int i = 0; i < 24; ++i) {
      made->push_back(i % 8 == 4 ? absl::StrCat("a key that has no room in a slot of 64 bytes ", i)
                      : i % 4 == 0 ? absl::StrCat("a longer key ", i)
                                   : absl::StrCat("k", i));
    }
    return made;
  }();
  return *keys;
}

ExactMemory DamagedBytes(Input* input, size_t* size) {
  const SoundTable& sound = SoundTables()[input->Byte() % SoundTables().size()];
  const uint8_t flags = input->Byte();
  std::string bytes = sound.bytes;
  *size = bytes.size();
  if ((flags & kOtherSize) != 0) *size = input->Number16() % (bytes.size() * 2);
  for (size_t patches = input->Byte() % kMaxPatches; patches > 0; --patches) {
    Patch(sound.geometry, input, bytes.data());
  }
  if ((flags & kRightChecksum) != 0) {
    // A right checksum does not make a right header.
    const size_t from = offsetof(table::Header, layout_major);
    const size_t to = offsetof(table::Header, checksum);
    const uint64_t checksum = XXH3_64bits_withSeed(bytes.data() + from, to - from, table::kMagic);
    std::memcpy(&bytes[to], &checksum, sizeof(checksum));
  }
  return ExactMemory(bytes.data(), bytes.size());
}

absl::optional<DamagedTable> DamagedTable::Make(Input* input) {
  size_t size;
  ExactMemory memory = DamagedBytes(input, &size);
  const absl::StatusOr<table::Geometry> geometry =
      table::ReadGeometry(memory.data(), memory.size());
  if (!geometry.ok()) return absl::nullopt;
  // What is beyond the table is not its readers' to touch.
  return DamagedTable(ExactMemory(memory.data(), geometry->total_bytes), *geometry);
}

uint64_t FuzzedNow() { return fuzzed_now; }
void SetFuzzedNow(uint64_t now_ns) { fuzzed_now = now_ns; }

}  // namespace cubby::fuzz
