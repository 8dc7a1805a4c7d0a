// What it takes to be a process at all.
int main() { return 0; }
