#include "cli/policies.h"

#include "absl/hash/hash.h"

namespace cubby::cli {
namespace {

// Slots in an order from the oldest to the newest.
class Queue {
 public:
  // As the place before the oldest slot and behind the newest one.
  static constexpr size_t kEnd = static_cast<size_t>(-1);

  Queue() : links_(1) {}

  void PushNewest(size_t slot) {
    if (Index(slot) >= links_.size()) links_.resize(Index(slot) + 1);
    const size_t newest = links_[0].older;
    links_[Index(slot)] = {newest, 0};
    links_[newest].newer = Index(slot);
    links_[0].older = Index(slot);
  }
  void Remove(size_t slot) {
    const Link link = links_[Index(slot)];
    links_[link.older].newer = link.newer;
    links_[link.newer].older = link.older;
  }
  // The oldest one for kEnd; kEnd for the newest one.
  size_t NewerThan(size_t slot) const { return links_[Index(slot)].newer - 1; }

 private:
  // Indexes of links_, in which that of kEnd is 0 and closes the ring.
  struct Link {
    size_t older = 0;
    size_t newer = 0;
  };
  static size_t Index(size_t slot) { return slot + 1; }

  std::vector<Link> links_;
};

class Lru : public Policy {
 public:
  using Policy::Policy;

 private:
  void Hit(size_t slot) override {
    queue_.Remove(slot);
    queue_.PushNewest(slot);
  }
  size_t Evict() override {
    const size_t slot = queue_.NewerThan(Queue::kEnd);
    queue_.Remove(slot);
    return slot;
  }
  void Insert(size_t slot) override { queue_.PushNewest(slot); }

  Queue queue_;
};

// New keys take the slots in turn, so the slot after the newest is the oldest.
class Fifo : public Policy {
 public:
  using Policy::Policy;

 private:
  void Hit(size_t /*slot*/) override {}
  size_t Evict() override {
    const size_t slot = oldest_;
    oldest_ = (oldest_ + 1) % entries();
    return slot;
  }
  void Insert(size_t /*slot*/) override {}

  size_t oldest_ = 0;
};

// A slot that the hand passes has become the newest by that.
class Clock : public Policy {
 public:
  using Policy::Policy;

 private:
  void Hit(size_t slot) override { used_[slot] = true; }
  size_t Evict() override {
    while (used_[hand_]) {
      used_[hand_] = false;
      hand_ = (hand_ + 1) % entries();
    }
    const size_t slot = hand_;
    hand_ = (hand_ + 1) % entries();
    return slot;
  }
  void Insert(size_t slot) override {
    if (slot == used_.size()) used_.push_back(false);
  }

  std::vector<bool> used_;  // by slot
  size_t hand_ = 0;
};

class Sieve : public Policy {
 public:
  using Policy::Policy;

 private:
  void Hit(size_t slot) override { visited_[slot] = true; }
  size_t Evict() override {
    size_t slot = hand_ == Queue::kEnd ? queue_.NewerThan(Queue::kEnd) : hand_;
    while (visited_[slot]) {
      visited_[slot] = false;
      slot = queue_.NewerThan(slot);
      if (slot == Queue::kEnd) slot = queue_.NewerThan(Queue::kEnd);
    }
    hand_ = queue_.NewerThan(slot);
    queue_.Remove(slot);
    return slot;
  }
  void Insert(size_t slot) override {
    if (slot == visited_.size()) visited_.push_back(false);
    queue_.PushNewest(slot);
  }

  Queue queue_;
  std::vector<bool> visited_;  // by slot
  size_t hand_ = Queue::kEnd;
};

template <typename Simulator>
std::unique_ptr<Policy> Make(uint64_t entries) {
  return std::make_unique<Simulator>(entries);
}

constexpr PolicyKind kPolicies[] = {
    {"lru", &Make<Lru>},
    {"fifo", &Make<Fifo>},
    {"clock", &Make<Clock>},
    {"sieve", &Make<Sieve>},
};

}  // namespace

size_t KeySlots::HashOfKey::operator()(absl::string_view key) const {
  return absl::Hash<absl::string_view>()(key);
}

absl::optional<size_t> KeySlots::Find(absl::string_view key) const {
  const auto found = slots_.find(key);
  if (found == slots_.end()) return absl::nullopt;
  return *found;
}

void KeySlots::Put(size_t slot, absl::string_view key) {
  if (slot == keys_.size()) {
    keys_.emplace_back(key);
  } else {
    slots_.erase(slot);  // found by the old key
    keys_[slot].assign(key.data(), key.size());
  }
  slots_.insert(slot);
}

bool Policy::Request(absl::string_view key) {
  if (const absl::optional<size_t> slot = keys_.Find(key)) {
    Hit(*slot);
    return true;
  }
  const size_t slot = keys_.size() < entries_ ? keys_.size() : Evict();
  keys_.Put(slot, key);
  Insert(slot);
  return false;
}

absl::Span<const PolicyKind> Policies() { return kPolicies; }

const PolicyKind* FindPolicy(absl::string_view name) {
  for (const PolicyKind& kind : kPolicies) {
    if (kind.name == name) return &kind;
  }
  return nullptr;
}

}  // namespace cubby::cli
