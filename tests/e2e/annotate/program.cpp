// A C++ program that includes the header, loads a driver that does too, and names from several threads.
#include <gpualloc/annotate.h>

#include <cerrno>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

static void name_many(unsigned thread)
{
    for (unsigned i = 0; i < 100; i++)
        gpualloc_name_surface(0x100000u * (thread + 1) + i, ("thread " + std::to_string(thread)).c_str());
}

int main(int, char **argv)
{
    errno = 4711;
    gpualloc_name_surface(0x1, std::string(100000, 'x').c_str());
    gpualloc_name_surface(0x2, nullptr);
    gpualloc_name_surface(0x3, "\xff\xfe");
    gpualloc_name_surface(0x4, reinterpret_cast<const char *>(16));
    gpualloc_name_gem(-1, 5, "no file");
    gpualloc_name_dma_buf(-1, "no dma-buf");
    gpualloc_map_gem(1, -1, 2, 3, 4, GPUALLOC_USAGE_PACKED, GPUALLOC_SEMANTIC_DMA_BUFFER);
    if (errno != 4711)
        return std::puts("errno was changed"), 1;
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < 4; i++)
        threads.emplace_back(name_many, i);
    for (auto &thread : threads)
        thread.join();
    void *driver = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    auto annotate = driver ? reinterpret_cast<void (*)(void *)>(dlsym(driver, "driver_annotate")) : nullptr;
    if (!annotate)
        return std::puts(dlerror()), 1;
    annotate(reinterpret_cast<void *>(0xd));
    return std::puts("done"), 0;
}
