// Loads the shared object that is named by its argument, and calls it.
#include <dlfcn.h>

#include <iostream>

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  void* const plugin = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  void* const symbol = plugin == nullptr ? nullptr : dlsym(plugin, "StoreIsMissing");
  if (symbol == nullptr) {
    std::cerr << "cannot load " << argv[1] << ": " << dlerror() << "\n";
    return 1;
  }
  return reinterpret_cast<int (*)()>(symbol)() == 1 ? 0 : 1;
}
