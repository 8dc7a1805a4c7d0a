// The installed library in a shared object: opening a store that does not exist returns NotFound.
#include <cubby/store.h>

extern "C" __attribute__((visibility("default"))) int StoreIsMissing() {
  return absl::IsNotFound(cubby::Store::Open("no-such-store").status()) ? 1 : 0;
}
