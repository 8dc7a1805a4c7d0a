// The installed library in a shared object: opening a store that does not exist returns NotFound.
#include <cubby/store.h>

#ifdef _WIN32
#define EXPORTED __declspec(dllexport)
#else
#define EXPORTED __attribute__((visibility("default")))
#endif

extern "C" EXPORTED int StoreIsMissing() {
  return absl::IsNotFound(cubby::Store::Open("no-such-store").status()) ? 1 : 0;
}
