// The installed library, without a daemon: opening a store that does not exist returns NotFound.
#include <cubby/store.h>
#include <cubby/watch.h>

#include <iostream>

int main() {
  const absl::Status status = cubby::Store::Open("no-such-store").status();
  if (absl::IsNotFound(status)) return 0;
  std::cerr << "expected NotFound of a store that does not exist, got: " << status << "\n";
  return 1;
}
