// The installed control library, without a daemon: connecting to a store that nobody serves says
// so.
#include <cubby/admin.h>

#include <iostream>

int main() {
  const absl::Status status = cubby::Admin::Connect("no-such-store", absl::Seconds(1)).status();
  if (absl::IsUnavailable(status)) return 0;
  std::cerr << "expected Unavailable of a store that nobody serves, got: " << status << "\n";
  return 1;
}
