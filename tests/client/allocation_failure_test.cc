// Every call of a Store, with each of its allocations refused in turn: std::bad_alloc comes out of
// it, or it does without, and the store is as before or after the call, its lock free.
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/store.h"
#include "client/watch.h"
#include "gtest/gtest.h"
#include "tests/client/refused_allocations.h"
#include "tests/support/daemon.h"
#include "tests/support/torture.h"

namespace cubby {
namespace {

// Of the entry whose value takes several extents.
constexpr char kLongKey[] = "long";
// A string of it allocates.
constexpr char kOtherKey[] = "the key of an entry that calls delete";

struct Call {
  const char* name;
  std::function<absl::Status(Store*)> make;
};

class AllocationFailureTest : public test::DaemonFixture {
 protected:
  void SetUp() override {
    ASSERT_TRUE(
        StartDaemon({"--capacity", "4", "--max-value", "64KiB", "--extent-pool", "256KiB"}));
  }
  std::unique_ptr<Store> OpenStore() {
    OpenOptions options;
    options.lock_timeout = absl::Milliseconds(1);
    auto opened = Store::Open(store(), options);
    EXPECT_TRUE(opened.ok()) << opened.status();
    return opened.ok() ? *std::move(opened) : nullptr;
  }
};

TEST_F(AllocationFailureTest, LeavesTheStoreWholeAndUnlocked) {
  const std::string long_value(60'000, 'l');
  std::string value;
  value.reserve(100'000);
  const std::vector<Call> calls = {
      {"get", [&](Store* store) { return store->Get("k", &value).status(); }},
      {"get a long value into nothing",
       [](Store* store) {
         std::string fresh;
         return store->Get(kLongKey, &fresh).status();
       }},
      {"get into too little",
       [](Store* store) {
         char little[4];
         return store->Get(kLongKey, absl::Span<char>(little)).status();
       }},
      {"get nothing", [&](Store* store) { return store->Get("absent", &value).status(); }},
      {"contains", [](Store* store) { return store->Contains("k").status(); }},
      {"put", [](Store* store) { return store->Put("k", "v").status(); }},
      {"put with a ttl",
       [](Store* store) { return store->Put("k", "v", {absl::Hours(1)}).status(); }},
      {"put long", [&](Store* store) { return store->Put(kLongKey, long_value).status(); }},
      {"put into a full store",
       [](Store* store) { return store->Put("one too many", "v").status(); }},
      {"put without room for it",
       [&](Store* store) {
         absl::Status status;
         for (const char* key : {"k", kLongKey, "3", kOtherKey}) {
           status.Update(store->Put(key, long_value).status());
         }
         return status;
       }},
      {"put many",
       [&](Store* store) {
         const absl::string_view keys[] = {"k", kLongKey};
         const absl::string_view values[] = {"v", long_value};
         absl::StatusOr<uint64_t> results[2];
         absl::Status status = store->MultiPut(keys, values, results);
         for (const absl::StatusOr<uint64_t>& result : results) status.Update(result.status());
         return status;
       }},
      {"put too long a key",
       [&](Store* store) { return store->Put(std::string(1000, 'k'), "v").status(); }},
      {"add what is there", [](Store* store) { return store->Add("k", "v").status(); }},
      {"replace what is not", [](Store* store) { return store->Replace("absent", "v").status(); }},
      {"delete", [](Store* store) { return store->Delete("k"); }},
      {"increment",
       [](Store* store) {
         absl::Status status = store->Put("k", "1234567890123456789").status();
         status.Update(store->Increment("k").status());
         return status;
       }},
      {"increment what is no number",
       [](Store* store) { return store->Increment(kLongKey).status(); }},
      {"append to nothing", [](Store* store) { return store->Append("absent", "v").status(); }},
      {"append", [](Store* store) { return store->Append("k", std::string(100, 'v')).status(); }},
      {"put of another revision",
       [](Store* store) {
         PutOptions options;
         options.if_revision = 1;
         return store->Put("k", "v", options).status();
       }},
      {"get and set",
       [](Store* store) {
         std::string fresh;
         return store->GetAndSet("k", std::string(100, 'v'), &fresh).status();
       }},
      {"get and set, to the same",
       [&](Store* store) {
         std::string fresh;
         return store->GetAndSet(kLongKey, long_value, &fresh).status();
       }},
      {"get and delete",
       [](Store* store) {
         std::string fresh;
         return store->GetAndDelete("k", &fresh).status();
       }},
      {"touch a long value",
       [](Store* store) { return store->Touch(kLongKey, absl::Hours(1)).status(); }},
      {"touch nothing",
       [](Store* store) { return store->Touch("absent", absl::Hours(1)).status(); }},
      {"delete nothing", [](Store* store) { return store->Delete("absent"); }},
      {"for each",
       [](Store* store) {
         return store->ForEach(
             [](absl::string_view, absl::string_view, const Entry&) { return true; });
       }},
      // The calls after this one are recorded.
      {"watch",
       [](Store* store) {
         absl::StatusOr<std::unique_ptr<Watcher>> watcher = store->Watch({});
         Change change;
         if (!watcher.ok()) return watcher.status();
         absl::Status status = store->Delete(kOtherKey);
         status.Update((*watcher)->Next(&change, absl::ZeroDuration()));
         return status;
       }},
      {"put, recorded", [](Store* store) { return store->Put("k", "v").status(); }},
      {"delete, recorded", [](Store* store) { return store->Delete(kOtherKey); }},
  };
  const std::unique_ptr<Store> store = OpenStore();
  ASSERT_NE(store, nullptr);
  uint64_t refusals = 0;
  for (const Call& call : calls) {
    bool was_refused = true;
    for (int64_t allowed = 0; was_refused; ++allowed) {
      ASSERT_LT(allowed, 1000) << call.name;
      for (const char* key : {"k", "3", kOtherKey}) ASSERT_TRUE(store->Put(key, "as ever").ok());
      ASSERT_TRUE(store->Put(kLongKey, long_value).ok());
      {
        test::RefusedAllocations refused(allowed);
        try {
          call.make(store.get()).IgnoreError();
        } catch (const std::bad_alloc&) {
        }
        was_refused = refused.any();
      }
      refusals += was_refused ? 1 : 0;

      ASSERT_TRUE(store->Get(kLongKey, &value).ok()) << call.name << ", allocation " << allowed;
      EXPECT_EQ(value, long_value) << call.name << ", allocation " << allowed;
      // Another writer, who waits for nothing.
      const std::unique_ptr<Store> another = OpenStore();
      ASSERT_NE(another, nullptr);
      const absl::Status put = another->Put("k", "as ever").status();
      EXPECT_TRUE(put.ok()) << put << " after " << call.name << ", allocation " << allowed;
    }
  }
  ExpectSound();
  test::Report("allocations refused", {{"calls", absl::StrCat(calls.size())},
                                       {"refused", absl::StrCat(refusals)},
                                       {"lock left taken", "0"}});
}

TEST_F(AllocationFailureTest, WhileOpeningTakesNoWritersSeatForGood) {
  ASSERT_NE(OpenStore(), nullptr);
  bool was_refused = true;
  // More often than there are seats for writers.
  for (int round = 0; round < 20; ++round) {
    for (int64_t allowed = 0; was_refused || allowed == 0; ++allowed) {
      ASSERT_LT(allowed, 10'000);
      test::RefusedAllocations refused(allowed);
      try {
        Store::Open(store()).status().IgnoreError();
      } catch (const std::bad_alloc&) {
      }
      was_refused = refused.any();
    }
  }
  const std::unique_ptr<Store> store = OpenStore();
  ASSERT_NE(store, nullptr);
  EXPECT_TRUE(store->Put("k", "v").ok());
}

}  // namespace
}  // namespace cubby
