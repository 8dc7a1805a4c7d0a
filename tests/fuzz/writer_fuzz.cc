// Whether writers of damaged bytes end and stay inside, and whether a table that was sound is
// exactly as they said afterwards.
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "table/bytes.h"
#include "table/changes.h"
#include "table/checker.h"
#include "table/hash.h"
#include "table/repair.h"
#include "table/scan.h"
#include "table/sweep.h"
#include "table/writer.h"
#include "tests/fuzz/damaged_table.h"
#include "tests/fuzz/harness.h"
#include "tests/fuzz/input.h"

namespace cubby::fuzz {
namespace {

// So far ahead, an old entry of the same bucket looks newer than it (table/reader.h).
constexpr uint64_t kManyRevisions = uint64_t{1} << 40;
constexpr size_t kMaxOperations = 24;

struct Expected {
  std::string value;
  uint64_t expiry_ns = 0;
};
// What a sound table holds, expired entries that no sweep has removed yet included.
using Model = std::map<std::string, Expected>;

bool Expired(const Expected& entry) {
  return entry.expiry_ns != 0 && FuzzedNow() >= entry.expiry_ns;
}

Model Contents(const table::Table& table) {
  const uint64_t now = FuzzedNow();
  SetFuzzedNow(0);
  Model contents;
  std::vector<table::ScannedEntry> entries;
  for (uint64_t bucket = 0; bucket < table.geometry().bucket_count; ++bucket) {
    Require(table::ScanHome(table, bucket, &entries, FuzzedNow) == table::Outcome::kFound,
            "a sound table can be read");
    for (const table::ScannedEntry& entry : entries) {
      contents[entry.key] = {entry.value, entry.expiry_ns};
    }
  }
  SetFuzzedNow(now);
  return contents;
}

// Does operations that the input names. `model` is null if nothing is known of the table.
class Operations {
 public:
  Operations(const table::WritableTable& table, Input* input, Model* model)
      : table_(table), input_(*input), model_(model), writer_(table, FuzzedNow) {}

  void Run() {
    for (size_t i = 0; i < kMaxOperations && !input_.empty(); ++i) {
      const uint8_t what = input_.Byte();
      switch (what % 8) {
        case 0:
        case 1:
        case 2:
          Put(static_cast<table::UpdateKind>(what / 8 % 8), /*expires=*/what >= 128,
              /*keeps=*/what / 64 % 2 != 0);
          break;
        case 3:
          Delete();
          break;
        case 4:
          if (what < 128) {
            Take();
          } else {
            Compute(/*fills=*/what / 8 % 2 != 0, /*expires=*/what / 16 % 2 != 0);
          }
          break;
        case 5:
          ClearBucket(/*everything=*/what >= 128);
          break;
        case 6:
          SetFuzzedNow(FuzzedNow() + input_.Byte() * uint64_t{8});
          break;
        default:
          Sweep(/*everything=*/what >= 128);
      }
    }
  }

 private:
  const std::string& Key() { return Keys()[input_.Byte() % Keys().size()]; }
  uint64_t Hash(absl::string_view key) const {
    return table::HashKey(key, table_.geometry().hash_seed);
  }

  // A number as often as not, so that there is something to add to.
  std::string Value() {
    const uint16_t number = input_.Number16();
    return number % 2 == 0 ? absl::StrCat(number) : std::string(number % 512, 'w');
  }

  void Put(table::UpdateKind kind, bool expires, bool keeps) {
    using table::UpdateKind;
    const std::string& key = Key();
    const bool has_value = kind != UpdateKind::kAddNumber && kind != UpdateKind::kTouch;
    const std::string value = has_value ? Value() : "";
    if (!writer_.CheckSizes(key, value).ok()) return;
    std::string result;
    table::Existing replaced;
    table::PutRequest request;
    request.key = key;
    request.hash = Hash(key);
    table::Update& update = request.update;
    update.kind = kind;
    update.value = value;
    update.expiry_ns = expires ? FuzzedNow() + input_.Byte() : 0;
    update.keep_expiry = keeps;
    update.if_revision = newest_;
    update.addend = int64_t{input_.Byte()} - 128;
    if (update.addend % 2 == 0) update.initial = update.addend;
    update.result = &result;
    update.replaced = &replaced;
    const lock::HeldWriterRole role;
    const absl::StatusOr<uint64_t> put = writer_.Put(request);
    if (put.ok()) newest_ = *put;
    if (model_ == nullptr) return;
    const auto old = model_->find(key);
    const bool present = old != model_->end() && !Expired(old->second);
    const std::string before = present ? old->second.value : "";
    switch (put.status().code()) {
      case absl::StatusCode::kOk: {
        Require(kind != UpdateKind::kAdd || !present, "an update is done if its condition holds");
        Require((kind != UpdateKind::kReplace && kind != UpdateKind::kCompareAndSet &&
                 kind != UpdateKind::kTouch) ||
                    present,
                "an update is done if its condition holds");
        const std::string after = ValueAfter(update, present, before);
        if (kind == UpdateKind::kExchange) {
          Require(replaced.visible == present && result == before,
                  "an exchange returns what it replaces");
        } else if (NeedsOldValue(kind)) {
          Require(result == after, "an update returns what it puts");
        }
        (*model_)[key] = {after, keeps && present ? old->second.expiry_ns : update.expiry_ns};
        if (table_.geometry().evicts()) TakeEvictions(key);
        break;
      }
      case absl::StatusCode::kAlreadyExists:
        Require(kind == UpdateKind::kAdd && present, "it is there already");
        break;
      case absl::StatusCode::kNotFound:
        Require(!present && (kind == UpdateKind::kReplace || kind == UpdateKind::kCompareAndSet ||
                             kind == UpdateKind::kTouch || kind == UpdateKind::kAddNumber),
                "it is not there");
        break;
      case absl::StatusCode::kAborted:
        Require(kind == UpdateKind::kCompareAndSet && present, "it has another revision");
        break;
      case absl::StatusCode::kInvalidArgument: {
        int64_t number;
        Require(kind == UpdateKind::kAddNumber && present &&
                    !(absl::SimpleAtoi(before, &number) && absl::StrCat(number) == before),
                "it is no number");
        break;
      }
      case absl::StatusCode::kOutOfRange:
        Require(kind == UpdateKind::kAppend || kind == UpdateKind::kAddNumber,
                "only a value that grows grows too long");
        break;
      case absl::StatusCode::kResourceExhausted:
        Require(!table_.geometry().evicts(), "a table that evicts has room");
        Require(model_->size() >= table_.geometry().capacity ||
                    table::RoundUp8(key.size()) + ValueAfter(update, present, before).size() >
                        table_.geometry().max_inline_bytes,
                "a short key and value are refused only by a full table");
        break;
      default:
        Require(false, absl::StrCat("a put of a sound table succeeds: ", put.status().message()));
    }
  }

  // What a put of `key` has evicted goes from the model, too.
  void TakeEvictions(const std::string& key) {
    Model contents = Contents(table_);
    Require(contents.count(key) != 0, "what was put is there");
    Require(contents.size() <= table_.geometry().capacity, "no more than the capacity");
    for (const auto& [other, entry] : contents) {
      const auto expected = model_->find(other);
      Require(expected != model_->end() && expected->second.value == entry.value &&
                  expected->second.expiry_ns == entry.expiry_ns,
              "an eviction only removes");
    }
    *model_ = std::move(contents);
  }

  // Returns what an update whose condition holds puts over the value `before`.
  static std::string ValueAfter(const table::Update& update, bool present,
                                const std::string& before) {
    int64_t number = 0;
    switch (update.kind) {
      case table::UpdateKind::kTouch:
        return before;
      case table::UpdateKind::kAppend:
        return absl::StrCat(before, update.value);
      case table::UpdateKind::kAddNumber:
        if (!present) return absl::StrCat(*update.initial);
        Require(absl::SimpleAtoi(before, &number), "only a number is added to");
        return absl::StrCat(number + update.addend);
      default:
        return std::string(update.value);
    }
  }

  void Take() {
    const std::string& key = Key();
    std::string value;
    const lock::HeldWriterRole role;
    const absl::StatusOr<table::Existing> taken = writer_.Take(key, Hash(key), &value);
    if (model_ == nullptr) return;
    const auto old = model_->find(key);
    const bool present = old != model_->end() && !Expired(old->second);
    Require(present ? taken.ok() : absl::IsNotFound(taken.status()), "what is there is taken");
    Require(!present || (value == old->second.value && taken->expiry_ns == old->second.expiry_ns),
            "what is taken is what was there");
    if (old != model_->end()) model_->erase(old);
    ForgetRemoved();
  }

  // A lease, and its end.
  void Compute(bool fills, bool expires) {
    const std::string& key = Key();
    const std::string value = Value();
    if (!writer_.CheckSizes(key, value).ok()) return;
    fills = fills || table_.geometry().evicts();
    table::LeaseRequest request;
    request.key = key;
    request.hash = Hash(key);
    request.owner = uint64_t{1} << 32 | 1;
    request.bound_ns = FuzzedNow() + 1 + input_.Byte();
    if (model_ == nullptr) request.stale_flags = uint32_t{input_.Byte()} << table::kStaleShift;
    std::string found;
    const lock::HeldWriterRole role;
    const absl::StatusOr<table::Writer::Leased> leased = writer_.Lease(request, &found);
    const bool granted = leased.ok() && leased->outcome == table::Writer::Leased::Outcome::kGranted;
    table::PutRequest fill;
    fill.key = key;
    fill.hash = request.hash;
    fill.update.kind = table::UpdateKind::kFill;
    fill.update.value = value;
    fill.update.expiry_ns = expires ? FuzzedNow() + 1 + input_.Byte() : 0;
    absl::Status filled = absl::CancelledError();
    if (granted) {
      fill.update.if_revision = leased->revision;
      if (fills) filled = writer_.Put(fill).status();
      if (!filled.ok()) filled.Update(writer_.EndLease(key, request.hash, leased->revision));
    }
    if (model_ == nullptr) return;
    const auto old = model_->find(key);
    const bool present = old != model_->end() && !Expired(old->second);
    if (!leased.ok()) {
      Require(!present && absl::IsResourceExhausted(leased.status()) && !table_.geometry().evicts(),
              "a lease is refused only by a full table");
      return;
    }
    Require(granted != present, "a lease is granted if there is no entry");
    if (present) return Require(found == old->second.value, "else that is returned");
    if (old != model_->end()) model_->erase(old);
    if (filled.ok()) (*model_)[key] = {value, fill.update.expiry_ns};
    if (table_.geometry().evicts()) {
      Require(filled.ok(), "a table that evicts has room");
      TakeEvictions(key);
    } else {
      ForgetRemoved();
    }
  }

  void Delete() {
    const std::string& key = Key();
    const lock::HeldWriterRole role;
    const absl::Status status = writer_.Delete(key, Hash(key));
    if (model_ == nullptr) return;
    const auto old = model_->find(key);
    const bool present = old != model_->end() && !Expired(old->second);
    Require(present ? status.ok() : absl::IsNotFound(status), "a delete removes what is there");
    if (old != model_->end()) model_->erase(old);
    ForgetRemoved();
  }

  // A delete removes expired entries that it would move otherwise.
  void ForgetRemoved() {
    Model contents = Contents(table_);
    for (const auto& [key, entry] : *model_) {
      Require(contents.count(key) != 0 || Expired(entry), "only expired entries are removed");
    }
    *model_ = std::move(contents);
  }

  void Forget(bool everything) {
    for (auto entry = model_->begin(); entry != model_->end();) {
      entry = everything || Expired(entry->second) ? model_->erase(entry) : std::next(entry);
    }
  }

  void ClearBucket(bool everything) {
    const uint64_t bucket = input_.Byte() % table_.geometry().bucket_count;
    const lock::HeldWriterRole role;
    const table::Writer::Cleared cleared =
        everything ? writer_.ClearAll(bucket) : writer_.ClearExpired(bucket, FuzzedNow());
    if (model_ == nullptr) return;
    Require(cleared.damage.ok(), "a sound bucket is cleared");
    const size_t before = model_->size();
    *model_ = Contents(table_);  // which of them were in that bucket is the table's business
    Require(before - model_->size() == cleared.removed, "what was cleared is gone, nothing else");
  }

  void Sweep(bool everything) {
    table::Sweep sweep(table_, everything);
    const lock::HeldWriterRole role;
    for (uint64_t steps = 0; !sweep.done(); ++steps) {
      Require(steps <= table_.geometry().bucket_count, "a sweep ends");
      const absl::Status status = sweep.Step(FuzzedNow());
      Require(model_ == nullptr || status.ok(), "a sound table is swept");
    }
    if (model_ != nullptr) Forget(everything);
  }

  const table::WritableTable& table_;
  Input& input_;
  Model* const model_;
  table::Writer writer_;
  uint64_t newest_ = 0;  // revision of the last put
};

bool IsSound(const table::Table& table) {
  return table::Check(table).sound() &&
         table.fixed().counters.revision.load(std::memory_order_relaxed) < kManyRevisions;
}

// The last change that is told of a key is what has become of it.
void RequireChangesTell(const Model& contents, table::ChangeFollower* follower) {
  std::map<std::string, table::ChangeKind> last;
  table::ChangeFollower::Change change;
  table::ChangeFollower::Outcome outcome;
  while ((outcome = follower->Next(&change)) == table::ChangeFollower::Outcome::kChange) {
    last[change.key] = change.kind;
  }
  // Else it has fallen behind a ring that was short to begin with.
  if (outcome != table::ChangeFollower::Outcome::kNone) return;
  for (const auto& [key, kind] : last) {
    // A lease may have left a value that had expired before.
    if (kind == table::ChangeKind::kHidden) continue;
    Require((kind == table::ChangeKind::kPut) == (contents.count(key) != 0),
            "the last change of a key is told");
  }
}

}  // namespace

void Writer(absl::string_view bytes) {
  Input input(bytes);
  const absl::optional<DamagedTable> damaged = DamagedTable::Make(&input);
  if (!damaged.has_value()) return;
  const table::WritableTable& table = damaged->table();
  SetFuzzedNow(1);
  if (!IsSound(table)) {
    const lock::HeldWriterRole role;
    table::RepairIfNeeded(table);
    Require(table.fixed().intent.operation.load(std::memory_order_relaxed) ==
                static_cast<uint64_t>(table::Operation::kNone),
            "a repair leaves nothing to repair");
    Operations(table, &input, nullptr).Run();
    return;
  }
  Model model = Contents(table);
  table::ChangeFollower follower(table);
  Operations(table, &input, &model).Run();
  const table::CheckResult after = table::Check(table);
  Require(after.sound(), after.sound() ? "" : absl::StrCat("still sound: ", after.problems[0]));
  const Model contents = Contents(table);
  Require(contents.size() == model.size(), "a table holds what was put and not deleted");
  for (const auto& [key, expected] : model) {
    const auto found = contents.find(key);
    Require(found != contents.end() && found->second.value == expected.value &&
                found->second.expiry_ns == expected.expiry_ns,
            "an entry is as it was put last");
  }
  if (table::Recording(table)) RequireChangesTell(contents, &follower);
}

}  // namespace cubby::fuzz
