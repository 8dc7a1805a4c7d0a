// The installed control library, without a daemon: connecting to a store that no daemon serves
// returns Unavailable.
#include <cubby/admin.h>

#include <iostream>

int main() {
  const absl::Status status = cubby::Admin::Connect("no-such-store", absl::Seconds(1)).status();
  if (absl::IsUnavailable(status)) return 0;
  std::cerr << "expected Unavailable of a store without a daemon, got: " << status << "\n";
  return 1;
}
