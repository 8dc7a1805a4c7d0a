// A store with no daemon: for tests of what attaches to it.
#ifndef CUBBY_TESTS_ATTACH_MADE_STORE_H_
#define CUBBY_TESTS_ATTACH_MADE_STORE_H_

#include <algorithm>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "attach/attachment.h"
#include "attach/mapped_table.h"
#include "gtest/gtest.h"
#include "lock/seats.h"
#include "os/mapping.h"
#include "table/geometry.h"
#include "table/table.h"
#include "tests/support/subprocess.h"

namespace cubby::test {

// Generations of one store, each of which stays while this lives.
class MadeStore {
 public:
  MadeStore() {
    bool created;
    auto seats = lock::Seats::OpenForDaemon(name_, kMode, &created);
    EXPECT_TRUE(seats.ok()) << seats.status();
    seats_ = *std::move(seats);
  }
  ~MadeStore() {
    for (const auto& mapped : generations_) EXPECT_TRUE(mapped->mapping().Remove().ok());
    EXPECT_TRUE(lock::Seats::Remove(name_).ok());
  }

  // Makes the mapping of a generation, and returns its table. `change` may alter what its header
  // says.
  const table::WritableTable& Make(
      uint64_t number, const std::function<void(table::Geometry*)>& change = [](auto*) {}) {
    table::GeometryOptions options;
    options.capacity = 100;
    table::Geometry geometry = table::PlanGeometry(options).value();
    geometry.generation = number;
    if (!generations_.empty()) {
      const auto& instance = generations_.front()->table().geometry().instance;
      std::copy(std::begin(instance), std::end(instance), geometry.instance);
    }
    change(&geometry);
    EXPECT_TRUE(seats_->GiveTo(geometry.instance).ok());
    auto mapping =
        os::Mapping::Create(attach::GenerationName(name_, number), geometry.total_bytes, kMode);
    EXPECT_TRUE(mapping.ok()) << mapping.status();
    generations_.push_back(std::make_unique<attach::MappedTable>(
        attach::MappedTable::Format(*std::move(mapping), attach::Guard::kNone, geometry)));
    return generations_.back()->table();
  }

  const std::string& name() const { return name_; }

  // Marks a generation as superseded by another.
  static void Supersede(const table::WritableTable& table, uint64_t by) {
    table.mutable_fixed().state.state.store(
        by << 8 | static_cast<uint64_t>(table::State::kSuperseded), std::memory_order_release);
  }

 private:
  static constexpr uint32_t kMode = 0600;
  const std::string name_ = UniqueStoreName("made");
  std::unique_ptr<lock::Seats> seats_;
  std::vector<std::unique_ptr<attach::MappedTable>> generations_;
};

}  // namespace cubby::test

#endif  // CUBBY_TESTS_ATTACH_MADE_STORE_H_
