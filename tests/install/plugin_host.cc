// Loads the shared object that is named by its argument, and calls it.
#include <iostream>

#ifdef _WIN32
#include <windows.h>
#else
#include <dlfcn.h>
#endif

int main(int argc, char** argv) {
  if (argc != 2) return 2;
#ifdef _WIN32
  const HMODULE plugin = LoadLibraryA(argv[1]);
  const auto symbol = plugin == nullptr ? nullptr : GetProcAddress(plugin, "StoreIsMissing");
#else
  void* const plugin = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  void* const symbol = plugin == nullptr ? nullptr : dlsym(plugin, "StoreIsMissing");
#endif
  if (symbol == nullptr) {
    std::cerr << "cannot load " << argv[1] << "\n";
    return 1;
  }
  return reinterpret_cast<int (*)()>(symbol)() == 1 ? 0 : 1;
}
