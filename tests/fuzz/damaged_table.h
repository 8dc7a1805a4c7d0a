// A small table that an input has damaged, in a piece of memory of exactly its size, so that
// AddressSanitizer sees a read of one byte too many.
//
//   input:   which of the sound tables : 1 | flags : 1 | how many patches : 1 | patches ... | the
//            harness's own
//   patch:   part of the table : 1 | offset in it : 2 | length : 1 | bytes ...
//
// A length below 192 is of so many bytes modulo 24, plus one; above, of a run that repeats eight
// bytes.
#ifndef CUBBY_TESTS_FUZZ_DAMAGED_TABLE_H_
#define CUBBY_TESTS_FUZZ_DAMAGED_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "table/geometry.h"
#include "table/table.h"
#include "tests/fuzz/input.h"

namespace cubby::fuzz {

// Memory of exactly `size` bytes, aligned as a mapping's lines are.
class ExactMemory {
 public:
  explicit ExactMemory(size_t size);
  ExactMemory(const char* from, size_t size);

  char* data() const { return data_.get(); }
  size_t size() const { return size_; }

 private:
  struct Free {
    void operator()(char* data) const { ::operator delete (data, std::align_val_t{64}); }
  };
  std::unique_ptr<char, Free> data_;
  size_t size_;
};

// The keys that the sound tables are made with, and others like them.
const std::vector<std::string>& Keys();

// Takes the description of a damage off the input's front and does it. `*size` is what the input
// says of the mapping's size.
ExactMemory DamagedBytes(Input* input, size_t* size);

// The same, attached: nothing if the header tells of the damage.
class DamagedTable {
 public:
  static absl::optional<DamagedTable> Make(Input* input);

  const table::WritableTable& table() const { return table_; }
  const ExactMemory& memory() const { return memory_; }

 private:
  DamagedTable(ExactMemory memory, const table::Geometry& geometry)
      : memory_(std::move(memory)), table_(memory_.data(), geometry) {}

  ExactMemory memory_;
  table::WritableTable table_;
};

// For Reader, Writer and ScanHome: the time that a harness says it is.
uint64_t FuzzedNow();
void SetFuzzedNow(uint64_t now_ns);

}  // namespace cubby::fuzz

#endif  // CUBBY_TESTS_FUZZ_DAMAGED_TABLE_H_
